import { setTimeout as delay } from 'node:timers/promises'
import { NodeAnswerError } from '../ops/client/node-answer-error.ts'
import type { NodeClient } from '../ops/client/node-client.ts'
import type { RolloutOptions } from '../ops/rollout/apply.ts'
import type { Gate } from '../ops/rollout/progress.ts'
import type { Target } from '../ops/targets/target.ts'
import { awaitGate } from '../ops/verify/gate.ts'
import { observeHoldings } from '../ops/verify/holdings.ts'
import type { Lattice } from './lattice.ts'
import { GATE_DEADLINE_MS, GATE_STABLE_MS, REPORT_POLL_MS } from './limits.ts'
import { Places } from './placed-clients.ts'

/**
 * The gate of a rollout: a node is proven when it fits in with all that should be up, and holds what it
 * held before.
 */
export function gateOf(
  lattice: Lattice,
  targets: readonly Target[],
  rolloutSignal: AbortSignal,
): Required<Pick<RolloutOptions, 'gate' | 'beforeActing'>> {
  const { desired } = lattice
  let places: Places | null = null
  const beforeActing: RolloutOptions['beforeActing'] = async (observed, staged) => {
    places = new Places(observed)
    const up = observed.filter((one) => one.process.state !== 'stopped').map((one) => one.name)
    return places.withClients(lattice, async (clients) => {
      const asked = clients.filter((client) => up.includes(client.name))
      return observeHoldings({ clients: asked, quiet: staged, signal: rolloutSignal })
    })
  }
  const gate: Gate = async (name, question) => {
    const { generation, release, configDigest, heldBefore, activeNames, onFit, signal } = question
    const node = desired.nodes.find((one) => one.name === name)
    const target = targets.find((one) => one.name === name)
    if (node === undefined || target === undefined) throw new Error(`${name} is not a node here`)
    if (places === null) throw new Error('nobody looked at where nodes are')
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
        heldBefore,
        stableForMs: GATE_STABLE_MS,
        deadlineMs: GATE_DEADLINE_MS,
        signal,
      })
    })
  }
  return { gate, beforeActing }
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
