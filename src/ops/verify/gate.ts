import { setTimeout as delay } from 'node:timers/promises'
import type { Frontier } from '../../wire/frontier.ts'
import type { AttestObservation } from '../client/attestation.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { DesiredLattice, DesiredNode } from '../desired/lattice.ts'
import { answerOf, eachOf, notAsked, Questioner, type Answers } from './answers.ts'
import { cutOf } from './checks/roots.ts'
import {
  hopelessStages,
  judgeGate,
  type ActiveNode,
  type GateDecision,
  type GateLook,
} from './judge-gate.ts'
import { CANARY_GATE_MS_MAX, GATE_LAST_LOOK_MS, GATE_LOOK_MS_MAX, GATE_POLL_MS } from './limits.ts'
import { observeCanary } from './observe-flow.ts'
import type { CanaryObservation } from './observation.ts'

export interface GateOptions {
  lattice: DesiredLattice
  /** As it should be now: a restore passes the settings' digest that it restored. */
  node: DesiredNode
  clients: readonly NodeClient[]
  /** Release id that the node should run. */
  release: string
  /** Whether its process runs, as far as its host tells. */
  liveness: () => Promise<'alive' | 'dead' | 'unknown'>
  /** The nodes that should be up at this point of the rollout. */
  activeNames: readonly string[]
  /**
   * Called when the node fits in for the first time. Tells beside which of these nodes it is to stay
   * well: the others may be switched from then on.
   */
  onFit?: () => readonly string[]
  /** What the node held when the rollout began; null: it showed nothing then. */
  heldBefore: Frontier | null
  /** How long everything must hold in every look, milliseconds. */
  stableForMs: number
  /** How long to wait at most from now, milliseconds. */
  deadlineMs: number
  clock?: Clock
  signal: AbortSignal
}

export type GateResult =
  | { ok: true; tookMs: number }
  | { ok: false; reason: string; hint: string; tookMs: number }

/**
 * Waits until the node fits in: it is up as itself, runs the release with its settings, is connected to
 * the active nodes, holds all that it held before, an entry written through it has reached all of them, they all sign one root over what
 * they have in common, and all of that holds for `stableForMs`. A dead process or an unusable store
 * ends it at once, the deadline with the last reason. Throws only the signal's reason.
 */
export async function awaitGate(options: GateOptions): Promise<GateResult> {
  const { stableForMs, deadlineMs, clock = systemClock, signal } = options
  const started = clock.monotonicMs()
  const tookMs = (): number => Math.round(clock.monotonicMs() - started)
  let last = { reason: `${options.node.name} was not looked at in time`, hint: 'give it more time' }
  let stableSinceMs: number | null = null
  let canary: CanaryObservation | null = null
  let instanceBefore: string | null = null
  let { activeNames } = options
  let hasFitted = false

  for (let looks = 0; ; looks++) {
    let stableLeftMs = stableForMs
    const leftMs = deadlineMs - tookMs()
    const before = { canary, instanceBefore, leftMs }
    const look = await observeGate({ ...options, activeNames }, clock, before)
    const decision: GateDecision = judgeGate(look)
    if (decision.isOpen) {
      canary = look.canary
      stableSinceMs ??= clock.monotonicMs()
      const stableMs = clock.monotonicMs() - stableSinceMs
      if (stableMs >= stableForMs) return { ok: true, tookMs: tookMs() }
      stableLeftMs = stableForMs - stableMs
      last = {
        reason: `${options.node.name} has been well for ${Math.round(stableMs)} ms, not yet for ${stableForMs} ms`,
        hint: 'give it more time',
      }
      instanceBefore = decision.instance
      if (!hasFitted) activeNames = options.onFit?.() ?? activeNames
      hasFitted = true
    } else {
      // An entry that all have seen need not be written again while only the roots differ.
      canary = decision.stage === 'roots' || decision.stage === 'state' ? look.canary : null
      stableSinceMs = null
      // What could not be asked in the little time that was left would hide why there is so little left.
      if (looks === 0 || leftMs >= GATE_LAST_LOOK_MS || hopelessStages.has(decision.stage)) {
        last = { reason: decision.reason, hint: decision.hint }
      }
      // A restart counts once: from here on the new process is the one that is watched.
      instanceBefore = decision.stage === 'identity' ? null : decision.instance
      if (hopelessStages.has(decision.stage)) return { ok: false, ...last, tookMs: tookMs() }
    }
    if (tookMs() >= deadlineMs) return { ok: false, ...last, tookMs: tookMs() }
    await clock.sleep(Math.min(GATE_POLL_MS, stableLeftMs, deadlineMs - tookMs()), signal)
  }
}

/** Looks once. An entry is written through the node only when nothing but that is missing. */
async function observeGate(
  options: GateOptions,
  clock: Clock,
  before: { canary: CanaryObservation | null; instanceBefore: string | null; leftMs: number },
): Promise<GateLook> {
  const { lattice, node, clients, release, heldBefore, signal } = options
  const names = [...new Set([node.name, ...options.activeNames])]
  const limitMs = Math.min(GATE_LOOK_MS_MAX, Math.max(before.leftMs, GATE_POLL_MS))
  const questioner = new Questioner(clock, limitMs, signal)
  const clientOf = (name: string): NodeClient | undefined =>
    clients.find((one) => one.name === name)
  const attestEach = async (cut?: Frontier): Promise<Answers<AttestObservation>> =>
    eachOf(names, async (name) => {
      const client = clientOf(name)
      if (client === undefined) return notAsked(name, 'there is no client for it')
      return questioner.ask(name, async (limit) =>
        client.attest(cut === undefined ? {} : { cut }, limit),
      )
    })
  const activeOf = (
    held: Answers<AttestObservation>,
    atCut?: Answers<AttestObservation>,
  ): ActiveNode[] =>
    names.map((name) => ({
      name,
      held: answerOf(held, name),
      atCut: atCut === undefined ? notAsked(name, 'it was not its turn') : answerOf(atCut, name),
    }))

  const own = clientOf(node.name)
  const asking = Promise.all([
    attestEach(),
    own === undefined
      ? notAsked(node.name, 'there is no client for it')
      : questioner.ask(node.name, async (limit) => own.health(limit)),
  ])
  const [liveness, [held, health]] = await Promise.all([
    livenessWhile(asking, options.liveness, questioner),
    asking,
  ])
  const { canary, instanceBefore } = before
  const look = {
    node,
    release,
    liveness,
    health,
    active: activeOf(held),
    canary,
    instanceBefore,
    heldBefore,
  }
  const first = judgeGate(look)
  if (first.isOpen || (first.stage !== 'canary' && first.stage !== 'roots')) return look

  const reached = new Map(clients.map((client) => [client.name, { client }] as const))
  const sent =
    canary ??
    (await observeCanary(
      { questioner, clock, lattice, names, reached },
      node.name,
      CANARY_GATE_MS_MAX,
    ))
  // Attested after the canary, so that the cut holds it.
  const heldAfter = canary === null ? await attestEach() : held
  const cut = cutOf(names.map((name) => ({ held: answerOf(heldAfter, name) })))
  const atCut = cut === null ? undefined : await attestEach(cut)
  return { ...look, active: activeOf(heldAfter, atCut), canary: sent }
}

/**
 * Looked at again and again while the nodes are asked: whoever connects to a process that has ended may
 * be kept waiting by the socket that outlives it. Nothing more is asked once it is dead.
 */
async function livenessWhile(
  asking: Promise<unknown>,
  liveness: GateOptions['liveness'],
  questioner: Questioner,
): Promise<GateLook['liveness']> {
  const over = new AbortController()
  asking.then(
    () => over.abort(),
    () => over.abort(),
  )
  for (;;) {
    const found = await liveness()
    if (found === 'dead') questioner.end()
    if (found === 'dead' || over.signal.aborted) return found
    await delay(GATE_POLL_MS, undefined, { signal: over.signal }).catch(() => {})
    if (over.signal.aborted) return found
  }
}
