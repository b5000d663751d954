import { setTimeout as delay } from 'node:timers/promises'
import { NodeAnswerError } from '../ops/client/node-answer-error.ts'
import type { NodeClient } from '../ops/client/node-client.ts'
import type { Gate } from '../ops/rollout/progress.ts'
import type { Target } from '../ops/targets/target.ts'
import { awaitGate } from '../ops/verify/gate.ts'
import type { Lattice } from './lattice.ts'
import { GATE_DEADLINE_MS, GATE_STABLE_MS, REPORT_POLL_MS } from './limits.ts'

/** The gate of a rollout: a node is proven when it fits in with all that should be up. */
export function gateOf({ desired, clients }: Lattice, targets: readonly Target[]): Gate {
  return async (name, { release, configDigest, activeNames, signal }) => {
    const node = desired.nodes.find((one) => one.name === name)
    const target = targets.find((one) => one.name === name)
    const client = clients.find((one) => one.name === name)
    if (node === undefined || target === undefined || client === undefined) {
      throw new Error(`${name} is not a node here`)
    }
    // Settings that were edited by hand can only be taken as the node reports them.
    const digest = configDigest ?? (await reportedDigest(client, signal)) ?? node.configDigest
    return awaitGate({
      lattice: desired,
      node: { ...node, configDigest: digest },
      clients,
      release,
      liveness: async () => target.liveness(signal),
      activeNames,
      stableForMs: GATE_STABLE_MS,
      deadlineMs: GATE_DEADLINE_MS,
      signal,
    })
  }
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
