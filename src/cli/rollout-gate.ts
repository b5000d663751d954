import { setTimeout as delay } from 'node:timers/promises'
import type { Frontier } from '../wire/frontier.ts'
import { NodeAnswerError } from '../ops/client/node-answer-error.ts'
import type { NodeClient } from '../ops/client/node-client.ts'
import type { Gate } from '../ops/rollout/progress.ts'
import type { ObservedNode, Target } from '../ops/targets/target.ts'
import { awaitGate } from '../ops/verify/gate.ts'
import type { Lattice } from './lattice.ts'
import { GATE_DEADLINE_MS, GATE_STABLE_MS, HOLDINGS_MS_MAX, REPORT_POLL_MS } from './limits.ts'
import { Places } from './placed-clients.ts'

/**
 * The gate of a rollout: a node is proven when it fits in with all that should be up, and holds what it
 * held at `beforeActing`.
 */
export function gateOf(
  lattice: Lattice,
  targets: readonly Target[],
  rolloutSignal: AbortSignal,
): { gate: Gate; beforeActing: (observed: readonly ObservedNode[]) => Promise<void> } {
  const { desired } = lattice
  let before: { places: Places; held: ReadonlyMap<string, Frontier> } | null = null
  const beforeActing = async (observed: readonly ObservedNode[]): Promise<void> => {
    const places = new Places(observed)
    before = { places, held: await holdingsOf(lattice, places, rolloutSignal) }
  }
  const gate: Gate = async (name, question) => {
    const { generation, release, configDigest, activeNames, onFit, signal } = question
    const node = desired.nodes.find((one) => one.name === name)
    const target = targets.find((one) => one.name === name)
    if (node === undefined || target === undefined) throw new Error(`${name} is not a node here`)
    if (before === null) throw new Error('nobody looked at what nodes held before')
    const { places, held } = before
    places.move(name, await target.read(generation, signal).catch(() => null))
    signal.throwIfAborted()
    return places.withClients(lattice, async (clients) => {
      const client = clients.find((one) => one.name === name)
      if (client === undefined) throw new Error(`there is no client for ${name}`)
      // Settings that were edited by hand can only be taken as the node reports them.
      const digest = configDigest ?? (await reportedDigest(client, signal)) ?? node.configDigest
      return awaitGate({
        lattice: desired,
        node: { ...node, configDigest: digest },
        clients,
        release,
        liveness: async () => target.liveness(signal),
        activeNames,
        ...(onFit && { onFit }),
        heldBefore: held.get(name) ?? null,
        stableForMs: GATE_STABLE_MS,
        deadlineMs: GATE_DEADLINE_MS,
        signal,
      })
    })
  }
  return { gate, beforeActing }
}

/** What each node that answers holds now. */
async function holdingsOf(
  lattice: Lattice,
  places: Places,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Frontier>> {
  return places.withClients(lattice, async (clients) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(HOLDINGS_MS_MAX)])
    const held = await Promise.all(
      clients.map(async (client): Promise<[string, Frontier][]> => {
        try {
          const { attestation } = await client.attest({}, limit)
          return [[client.name, attestation.frontier]]
        } catch (error) {
          signal.throwIfAborted()
          if (!(error instanceof NodeAnswerError) && !limit.aborted) throw error
          return []
        }
      }),
    )
    return new Map(held.flat())
  })
}

/** The configuration digest that a node which is coming up reports; null when it does not in time. */
async function reportedDigest(client: NodeClient, signal: AbortSignal): Promise<string | null> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(GATE_DEADLINE_MS)])
  while (!limit.aborted) {
    try {
      return (await client.attest({}, limit)).attestation.configDigest
    } catch (error) {
      if (!(error instanceof NodeAnswerError) && !limit.aborted) throw error
    }
    await delay(REPORT_POLL_MS, undefined, { signal: limit }).catch(() => {})
  }
  signal.throwIfAborted()
  return null
}
