import { EMPTY_FRONTIER, totalOf, type Frontier } from '../../wire/frontier.ts'
import type { AttestObservation } from '../client/attestation.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import { answerOf, eachOf, notAsked, type Answers, type Look } from './answers.ts'
import { PULL_ENTRIES_FULL_MAX, PULL_ENTRIES_MAX } from './limits.ts'
import type { Failure } from './observation.ts'
import { LogAudit, type AuditedLog } from './recompute/log-audit.ts'

/**
 * Pulls the nodes' entries and recomputes what they come to. Of nodes that hold more than
 * PULL_ENTRIES_MAX only the first is pulled, unless `full`.
 */
export async function observeLogs(
  { questioner, lattice, names, reached }: Look,
  {
    held,
    cut,
    savedOf,
    full,
  }: {
    held: Answers<AttestObservation>
    cut: Frontier | null
    /** What the last run saw of a node; null when it saw nothing. */
    savedOf: (name: string) => Frontier | null
    full: boolean
  },
): Promise<Answers<AuditedLog>> {
  const heldBy = (name: string): Frontier | null => {
    const answer = answerOf(held, name)
    return answer.ok ? answer.value.attestation.frontier : null
  }
  const large = names.filter((name) => totalOf(heldBy(name) ?? EMPTY_FRONTIER) > PULL_ENTRIES_MAX)
  const leftOut = new Set(full ? [] : large.slice(1))
  const memberPeerIds = lattice.members.map((member) => member.peerId)
  const verified = new Set<string>()

  return eachOf(names, async (name) => {
    const client = reached.get(name)?.client
    const frontier = heldBy(name)
    if (client === undefined || frontier === null || cut === null) {
      return notAsked(name, 'it did not show what it holds')
    }
    if (leftOut.has(name)) return overLimit(name)
    const audit = new LogAudit({
      lattice: lattice.id,
      genesis: lattice.genesis,
      memberPeerIds,
      frontiers: { held: frontier, cut, saved: savedOf(name) },
      signaturesPerAuthor: full
        ? Number.MAX_SAFE_INTEGER
        : Math.floor(PULL_ENTRIES_MAX / Math.max(1, frontier.size)),
      verified,
    })
    return questioner.ask(name, async (signal) => pullInto(audit, client, signal))
  })
}

/** One answer carries a limited number of entries, so it asks until it has all or gets no more. */
async function pullInto(
  audit: LogAudit,
  client: NodeClient,
  signal: AbortSignal,
): Promise<AuditedLog> {
  for (;;) {
    const before = totalOf(audit.frontier())
    for await (const frame of client.pull(audit.frontier(), signal)) {
      if (frame.kind === 'checkpoint') audit.takeCheckpoint(frame.checkpoint)
      if (frame.kind === 'seals') audit.takeSeals(frame.seals)
      if (frame.kind === 'entries') audit.take(frame.entries)
      if (audit.entries > PULL_ENTRIES_FULL_MAX) {
        throw new NodeAnswerError(
          client,
          'too-large',
          `gives away more than ${PULL_ENTRIES_FULL_MAX} entries`,
        )
      }
    }
    if (totalOf(audit.frontier()) === before || audit.isComplete) return audit.result()
  }
}

const overLimit = (name: string): Failure => ({
  ok: false,
  code: 'over-limit',
  message: `${name} holds more than ${PULL_ENTRIES_MAX} entries, which were pulled from one node only`,
  hint: 'ask with --full to pull them from all nodes',
  status: null,
})
