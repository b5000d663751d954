import type { Frontier } from '../../wire/frontier.ts'
import type { AttestObservation } from '../client/attestation.ts'
import { systemClock, type Clock } from '../client/clock.ts'
import type { IntegrityAnswer, NodeClient, StateAnswer } from '../client/node-client.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import {
  answerOf,
  eachOf,
  notAsked,
  Questioner,
  type Answers,
  type Look,
  type Reached,
} from './answers.ts'
import { cutOf } from './checks/roots.ts'
import { OBSERVE_FULL_MS_MAX, OBSERVE_MS_MAX } from './limits.ts'
import { observeCanaries, observeProbes } from './observe-flow.ts'
import { observeLogs, pullBounds, type LogQuestion, type PullBounds } from './observe-logs.ts'
import { observeClock, observeSettledHealth } from './observe-node.ts'
import type {
  Answer,
  CanaryObservation,
  ClockSample,
  NodeObservation,
  Observation,
  SavedCheckpoint,
  SavedCheckpoints,
} from './observation.ts'
import { auditExtension, type AuditedExtension } from './recompute/extension.ts'
import { ed25519 } from './recompute/signature.ts'

export interface ObserveOptions {
  lattice: DesiredLattice
  clients: readonly NodeClient[]
  expectedRelease: string | null
  saved: SavedCheckpoints | null
  /** Pull all entries from all nodes, however many there are. */
  full?: boolean
  /** How much is pulled without `full`. */
  bounds?: PullBounds
  clock?: Clock
  signal: AbortSignal
}

/**
 * Looks at a lattice once. In this order, since later questions rest on earlier ones: who is there;
 * clocks, and an entry through every node; what all hold then, the root at their common cut, their
 * entries and views of each other; their stores last; the probes run beside it. A node that did not show itself
 * is asked nothing more. Failures of nodes are part of the observation; only the caller's abort is thrown.
 */
export async function observeLattice(options: ObserveOptions): Promise<Observation> {
  const { lattice, clients, expectedRelease, saved, full = false, clock = systemClock } = options
  const { bounds = pullBounds } = options
  const started = clock.monotonicMs()
  const timeMsMax = full ? OBSERVE_FULL_MS_MAX : OBSERVE_MS_MAX
  const questioner = new Questioner(clock, timeMsMax, options.signal)
  const names = lattice.nodes.map((node) => node.name)

  const identity = await eachOf(names, async (name) => {
    const client = clients.find((one) => one.name === name)
    if (client === undefined) return notAsked(name, 'there is no client for it')
    return questioner.ask(name, async (signal) => client.attest({}, signal))
  })
  const reached: Look['reached'] = new Map(
    clients.flatMap((client) => {
      const answer = identity.get(client.name)
      return answer?.ok === true ? [[client.name, { client, identity: answer.value }] as const] : []
    }),
  )
  const look: Look = { questioner, clock, lattice, names, reached }
  const [probes, flow] = await Promise.all([
    observeProbes(look),
    observeFlow(look, saved, { full, bounds }),
  ])
  const integrity = await observeIntegrity(look)
  return {
    lattice,
    expectedRelease,
    saved,
    nodes: names.map((name) => ({
      name,
      identity: answerOf(identity, name),
      integrity: answerOf(integrity, name),
      ...flow.nodeOf(name),
    })),
    cut: flow.cut,
    probes,
    canaries: flow.canaries,
    tookMs: clock.monotonicMs() - started,
  }
}

interface Flow {
  canaries: CanaryObservation[]
  cut: Frontier | null
  nodeOf: (name: string) => Omit<NodeObservation, 'name' | 'identity' | 'integrity'>
}

/** What has to be asked one after the other. */
async function observeFlow(
  look: Look,
  saved: SavedCheckpoints | null,
  amount: Pick<LogQuestion, 'full' | 'bounds'>,
): Promise<Flow> {
  const { questioner, clock, names } = look
  const clocks: Answers<ClockSample[]> = await askEach(look, async (node, name) =>
    observeClock(questioner, name, node),
  )
  const canaries = await observeCanaries(look)
  const held = await attestEach(look, () => undefined)
  const cut = cutOf(names.map((name) => ({ held: answerOf(held, name) })))
  const savedOf = (name: string): SavedCheckpoint | undefined =>
    saved?.lattice === look.lattice.id ? saved.nodes.find((one) => one.name === name) : undefined
  const frontierSavedOf = (name: string): Frontier | null => savedOf(name)?.frontier ?? null

  const [[state, atCut], atSaved, extension, health, log] = await Promise.all([
    observeStates(look, cut),
    attestEach(look, frontierSavedOf),
    observeExtensions(look, savedOf),
    askEach(look, async ({ client }, name) =>
      observeSettledHealth(questioner, clock, name, client),
    ),
    observeLogs(look, { held, cut, savedOf: frontierSavedOf, ...amount }),
  ])
  return {
    canaries,
    cut,
    nodeOf: (name) => ({
      clock: answerOf(clocks, name),
      held: answerOf(held, name),
      state: answerOf(state, name),
      atCut: answerOf(atCut, name),
      atSaved: savedOf(name) === undefined ? null : answerOf(atSaved, name),
      extension: savedOf(name) === undefined ? null : answerOf(extension, name),
      health: answerOf(health, name),
      log: answerOf(log, name),
    }),
  }
}

/** Last and one by one: a node that reads its whole store has little time for anything else meanwhile. */
async function observeIntegrity(look: Look): Promise<Answers<IntegrityAnswer>> {
  const answers = new Map<string, Answer<IntegrityAnswer>>()
  for (const [name, { client }] of look.reached) {
    answers.set(name, await look.questioner.ask(name, async (signal) => client.integrity(signal)))
  }
  return answers
}

async function askEach<T>(
  { names, reached }: Look,
  ask: (node: Reached, name: string) => Promise<Answer<T>>,
): Promise<Answers<T>> {
  return eachOf(names, async (name) => {
    const node = reached.get(name)
    return node === undefined ? notAsked(name, 'it did not show who it is') : ask(node, name)
  })
}

/** Proofs that what the nodes sign now extends what they had signed at the last run. */
async function observeExtensions(
  look: Look,
  savedOf: (name: string) => SavedCheckpoint | undefined,
): Promise<Answers<AuditedExtension>> {
  const verify = ed25519()
  return askEach(look, async ({ client }, name) => {
    const earlier = savedOf(name)
    if (earlier === undefined) return notAsked(name, 'nothing of it was saved')
    return look.questioner.ask(name, async (signal) => {
      const answer = await client.ledger.claimedExtension(earlier.frontier, signal)
      const { lattice, peerId } = client
      return auditExtension(answer, { earlier, lattice, peerId, verify })
    })
  })
}

/** The state before the attestation, so that two equal frontiers around it bind it to their root. */
async function observeStates(
  look: Look,
  cut: Frontier | null,
): Promise<[Answers<StateAnswer>, Answers<AttestObservation>]> {
  const state = await askEach(look, async ({ client }, name) =>
    look.questioner.ask(name, async (signal) => client.state(signal)),
  )
  return [state, await attestEach(look, () => cut)]
}

/** Attestations at the cut of each node; `undefined` asks for none, `null` means that there is none to ask about. */
async function attestEach(
  look: Look,
  cutFor: (name: string) => Frontier | null | undefined,
): Promise<Answers<AttestObservation>> {
  return askEach(look, async ({ client }, name) => {
    const cut = cutFor(name)
    if (cut === null) return notAsked(name, 'there is no cut to ask it about')
    return look.questioner.ask(name, async (signal) =>
      client.attest(cut === undefined ? {} : { cut }, signal),
    )
  })
}
