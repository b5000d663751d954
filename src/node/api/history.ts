import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import { parseAuthorId } from '../../wire/author.ts'
import type { Position, SignedEntry } from '../../wire/entry.ts'
import { isAccountName, type Intent } from '../../wire/intent.ts'
import type { HistoryAnswer } from '../../wire/ledger-api.ts'
import { entryViewOf } from '../../wire/ledger-view.ts'
import { ENTRIES_PER_ANSWER_MAX } from '../../wire/limits.ts'
import { paths } from '../../wire/protocol.ts'
import type { NodeService } from '../service.ts'
import type { ApiContext } from './context.ts'
import { HISTORY_DEFAULT } from './limits.ts'
import { parseInput, wholeNumber } from './refusal.ts'

const accountParams = z.object({
  account: z.string().refine((name) => isAccountName(name), 'not an account name'),
})

/** `<hlc>.<author>.<seq>`: an entry's place in the one order. */
const cursor = z.string().transform((text, context): Position => {
  const [, hlc = '', author = '', seq = ''] =
    /^(\d{1,16})\.([0-9a-f]{80})\.(\d{1,16})$/.exec(text) ?? []
  const place = { hlc: Number(hlc), author, seq: Number(seq) }
  const isPlace = Number.isSafeInteger(place.hlc) && Number.isSafeInteger(place.seq)
  if (parseAuthorId(author) === null || !isPlace) context.addIssue('not a cursor')
  return place
})
const historyQuery = z.object({
  before: cursor.optional(),
  limit: wholeNumber(1, ENTRIES_PER_ANSWER_MAX).default(HISTORY_DEFAULT),
})

/** What happened to an account, newest first. */
export function historyRoutes(app: FastifyInstance, { service }: ApiContext): void {
  app.get(`${paths.accounts}/:account/history`, async (request): Promise<HistoryAnswer> => {
    const { account } = parseInput(accountParams, request.params, 'an account as in an intent')
    const hint = `before=<"next" of the last answer>, limit=1 to ${ENTRIES_PER_ANSWER_MAX}`
    const { before, limit } = parseInput(historyQuery, request.query, hint)
    const found = service.ledger.history(account, before ?? null, limit)
    const last = found.length === limit ? found.at(-1) : undefined
    return {
      success: true,
      account,
      balance: service.balances().get(account) ?? 0,
      entries: found.flatMap((signed) => viewOf(signed, account, service)),
      next: last === undefined ? null : cursorOf(last),
    }
  })
}

const cursorOf = ({ entry: { hlc, author, seq } }: SignedEntry): string => `${hlc}.${author}.${seq}`

/** None for an entry that replay has not come to yet. */
function viewOf(
  signed: SignedEntry,
  account: string,
  service: NodeService,
): HistoryAnswer['entries'] {
  const { author, seq, intent } = signed.entry
  const receipt = service.receipt(author, seq)
  if (receipt === null) return []
  const { outcome, provisional, reason } = receipt
  const effect = outcome === 'applied' ? effectOf(intent, account) : 0
  return [{ ...entryViewOf(signed), outcome, provisional, reason, effect }]
}

function effectOf(intent: Intent, account: string): number {
  switch (intent.kind) {
    case 'noop':
      return 0
    case 'issue':
      return intent.to === account ? intent.amount : 0
    case 'transfer':
      return intent.from === account ? -intent.amount : intent.to === account ? intent.amount : 0
  }
}
