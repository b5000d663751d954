import { randomInt } from 'node:crypto'
import type { AuthorId } from '../../wire/author.ts'
import { totalOf, type Frontier } from '../../wire/frontier.ts'
import type { AttestObservation } from '../client/attestation.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import { answerOf, eachOf, notAsked, type Answers, type Look } from './answers.ts'
import {
  OLDER_AT_ONCE,
  PULL_ENTRIES_FULL_MAX,
  PULL_ENTRIES_MAX,
  PULL_NEWEST,
  PULL_OLDER,
} from './limits.ts'
import type { LogBegin } from './recompute/leaf-log.ts'
import { LogAudit, type AuditedLog } from './recompute/log-audit.ts'

/** How much of a node's logs is looked at. */
export interface PullBounds {
  /** Entries of a node up to which all of them are pulled. */
  wholeMax: number
  /** Of a node with more, about this many of the newest are pulled, the same from every author. */
  newest: number
  /** And this many of the older ones, chosen at random, are shown to stand in their places. */
  older: number
}

export const pullBounds: PullBounds = {
  wholeMax: PULL_ENTRIES_MAX,
  newest: PULL_NEWEST,
  older: PULL_OLDER,
}

export interface LogQuestion {
  held: Answers<AttestObservation>
  cut: Frontier | null
  /** What the last run saw of a node; null when it saw nothing. */
  savedOf: (name: string) => Frontier | null
  /** Pull everything. */
  full: boolean
  bounds: PullBounds
}

/** Pulls the nodes' entries and recomputes what they come to. */
export async function observeLogs(
  { questioner, lattice, names, reached }: Look,
  { held, cut, savedOf, full, bounds }: LogQuestion,
): Promise<Answers<AuditedLog>> {
  const memberPeerIds = lattice.members.map((member) => member.peerId)
  const verified = new Set<string>()

  return eachOf(names, async (name) => {
    const client = reached.get(name)?.client
    const answer = answerOf(held, name)
    if (client === undefined || !answer.ok || cut === null) {
      return notAsked(name, 'it did not show what it holds')
    }
    const { frontier } = answer.value.attestation
    const isWhole = full || totalOf(frontier) <= bounds.wholeMax
    return questioner.ask(name, async (signal) => {
      const begins = isWhole ? NO_BEGINS : await beginsIn(client, frontier, bounds.newest, signal)
      const audit = new LogAudit({
        lattice: lattice.id,
        genesis: lattice.genesis,
        memberPeerIds,
        frontiers: { held: frontier, cut, saved: savedOf(name) },
        begins,
        verified,
      })
      await pullInto(audit, client, signal)
      await askForOlder(audit, client, olderPlaces(begins, bounds.older), signal)
      return audit.result()
    })
  })
}

type Begins = ReadonlyMap<AuthorId, LogBegin>
const NO_BEGINS: Begins = new Map()

/**
 * Where to begin in the logs that hold more than their share of `newest` entries. The path of the first
 * entry that is pulled, in the tree that ends with it, holds nothing but the subtrees of all before it.
 */
async function beginsIn(
  client: NodeClient,
  frontier: Frontier,
  newest: number,
  signal: AbortSignal,
): Promise<Begins> {
  const share = Math.max(1, Math.floor(newest / frontier.size))
  const begins = new Map<AuthorId, LogBegin>()
  for (const [author, held] of frontier) {
    const size = held - share
    if (size <= 0) continue
    const path = await client.ledger.claimedPath(author, size, size + 1, signal)
    begins.set(author, { size, subtrees: path.toReversed() })
  }
  return begins
}

interface Place {
  author: AuthorId
  seq: number
  /** Of the tree that its log had before the newest entries. */
  size: number
}

/** The last entry before each beginning, which the chain goes on from, and `count` others. */
function olderPlaces(begins: Begins, count: number): Place[] {
  const logs = [...begins].map(([author, { size }]) => ({ author, size }))
  const total = logs.reduce((sum, { size }) => sum + size, 0)
  const placeAt = (index: number): Place[] => {
    let rest = index
    const log = logs.find(({ size }) => (rest -= size) < 0)
    return log === undefined ? [] : [{ ...log, seq: rest + log.size }]
  }
  const chosen = Array.from({ length: total === 0 ? 0 : count }, () => placeAt(randomInt(total)))
  return [...logs.map((log) => ({ ...log, seq: log.size - 1 })), ...chosen.flat()]
}

async function askForOlder(
  audit: LogAudit,
  client: NodeClient,
  places: Place[],
  signal: AbortSignal,
): Promise<void> {
  const work = async (): Promise<void> => {
    for (let place = places.shift(); place !== undefined; place = places.shift()) {
      const { author, seq, size } = place
      const [entry, path] = await Promise.all([
        client.ledger.claimedEntry(author, seq, signal),
        client.ledger.claimedPath(author, seq, size, signal),
      ])
      audit.takeOlder(place, entry, path)
    }
  }
  await Promise.all(Array.from({ length: OLDER_AT_ONCE }, work))
}

/** One answer carries a limited number of entries, so it asks until it has all or gets no more. */
async function pullInto(audit: LogAudit, client: NodeClient, signal: AbortSignal): Promise<void> {
  for (;;) {
    const before = totalOf(audit.frontier())
    for await (const frame of client.pull(audit.frontier(), signal)) {
      if (frame.kind === 'checkpoint') audit.takeCheckpoint(frame.checkpoint)
      if (frame.kind === 'seals') audit.takeSeals(frame.seals)
      if (frame.kind === 'entries') audit.take(frame.entries)
      if (audit.entries > PULL_ENTRIES_FULL_MAX) {
        throw new NodeAnswerError(
          client,
          'too-many',
          `gives away more than ${PULL_ENTRIES_FULL_MAX} entries`,
        )
      }
    }
    if (totalOf(audit.frontier()) === before || audit.isComplete) return
  }
}
