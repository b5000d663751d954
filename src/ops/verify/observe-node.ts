import type { Health } from '../../wire/api.ts'
import type { AttestObservation } from '../client/attestation.ts'
import type { Clock } from '../client/clock.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { Questioner, Reached } from './answers.ts'
import { CLOCK_SAMPLES, SETTLE_MS_MAX, SETTLE_POLL_MS } from './limits.ts'
import type { Answer, ClockSample } from './observation.ts'

const sampleOf = ({ attestation, offsetMs, rttMs }: AttestObservation): ClockSample => ({
  instance: attestation.instance,
  offsetMs,
  rttMs,
})

/** One sample after the other, so that they do not slow each other down. The first is the identity's. */
export async function observeClock(
  questioner: Questioner,
  name: string,
  { client, identity }: Reached,
): Promise<Answer<ClockSample[]>> {
  return questioner.ask(name, async (signal) => {
    const samples = [sampleOf(identity)]
    while (samples.length < CLOCK_SAMPLES) samples.push(sampleOf(await client.attest({}, signal)))
    return samples
  })
}

/**
 * A node's health once it has compared every peer's newest checkpoint with its own logs, or found a
 * difference; as it is when the time for that is up.
 */
export async function observeSettledHealth(
  questioner: Questioner,
  clock: Clock,
  name: string,
  client: NodeClient,
): Promise<Answer<Health>> {
  const deadline = clock.monotonicMs() + SETTLE_MS_MAX
  return questioner.ask(name, async (signal) => {
    for (;;) {
      const health = await client.health(signal)
      const isSettled =
        health.diverged ||
        health.peers.every((peer) => peer.root_match !== null) ||
        health.peers.some((peer) => peer.root_match === false)
      if (isSettled || clock.monotonicMs() >= deadline) return health
      await clock.sleep(SETTLE_POLL_MS, signal)
    }
  })
}
