import { covers, EMPTY_FRONTIER, totalOf, type Frontier } from '../../wire/frontier.ts'
import type { AttestObservation } from '../client/attestation.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import { answerOf, eachOf, notAsked, type Answers, type Look } from './answers.ts'
import { LogAudit } from './judge-log.ts'
import { PULL_ENTRIES_FULL_MAX, PULL_ENTRIES_MAX } from './limits.ts'
import type { AuditedLog, Failure } from './observation.ts'

/**
 * Pulls the nodes' entries and recomputes what they come to. Of nodes that hold more than
 * PULL_ENTRIES_MAX only the first is pulled, unless `full`.
 */
export async function observeLogs(
  { questioner, lattice, names, reached }: Look,
  {
    held,
    cut,
    full,
  }: {
    held: Answers<AttestObservation>
    cut: Frontier | null
    full: boolean
  },
): Promise<Answers<AuditedLog>> {
  const heldBy = (name: string): Frontier | null => {
    const answer = answerOf(held, name)
    return answer.ok ? answer.value.attestation.frontier : null
  }
  const large = names.filter((name) => totalOf(heldBy(name) ?? EMPTY_FRONTIER) > PULL_ENTRIES_MAX)
  const leftOut = new Set(full ? [] : large.slice(1))
  const memberPeerIds = new Set(lattice.members.map((member) => member.peerId))
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
      memberPeerIds,
      held: frontier,
      cut,
      signaturesPerAuthor: full
        ? Number.MAX_SAFE_INTEGER
        : Math.floor(PULL_ENTRIES_MAX / Math.max(1, frontier.size)),
      verified,
    })
    return questioner.ask(name, async (signal) => pullInto(audit, client, frontier, signal))
  })
}

/** One answer carries a limited number of entries, so it asks until it has all or gets no more. */
async function pullInto(
  audit: LogAudit,
  client: NodeClient,
  held: Frontier,
  signal: AbortSignal,
): Promise<AuditedLog> {
  for (;;) {
    const before = audit.entries
    for await (const frame of client.pull(audit.frontier(), signal)) {
      if (frame.kind === 'checkpoint') audit.takeCheckpoint(frame.checkpoint)
      if (frame.kind === 'entries') audit.take(frame.entries)
      if (audit.entries > PULL_ENTRIES_FULL_MAX) {
        throw new NodeAnswerError(
          client,
          'too-large',
          `gives away more than ${PULL_ENTRIES_FULL_MAX} entries`,
        )
      }
    }
    if (audit.entries === before || covers(audit.frontier(), held)) return audit.result()
  }
}

const overLimit = (name: string): Failure => ({
  ok: false,
  code: 'over-limit',
  message: `${name} holds more than ${PULL_ENTRIES_MAX} entries, which were pulled from one node only`,
  hint: 'ask with --full to pull them from all nodes',
  status: null,
})
