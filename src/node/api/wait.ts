import * as z from 'zod'
import type { Receipt } from '../../wire/api.ts'
import { parseAuthorId } from '../../wire/author.ts'
import { WAIT_MS_MAX } from '../../wire/limits.ts'
import type { NodeService, ReceiptWait } from '../service.ts'
import type { ApiContext } from './context.ts'
import { parseInput, Refusal, wholeNumber } from './refusal.ts'

/** What `?wait=local|replicated:k|final&timeout_ms=n` asks for. `name` is its text. */
export interface Wait {
  name: string
  level: ReceiptWait['level']
  timeoutMs: number
}

const waitQuery = z.object({
  wait: z.string().optional(),
  timeout_ms: wholeNumber(1, WAIT_MS_MAX).optional(),
})

/** Null when the query asks for no wait. Throws a 400 for one that cannot be met. */
export function parseWait(query: unknown, context: ApiContext): Wait | null {
  const hint = `wait=local|replicated:<nodes>|final, timeout_ms=1 to ${WAIT_MS_MAX}`
  const { wait, timeout_ms } = parseInput(waitQuery, query, hint)
  if (wait === undefined) return null
  const level = parseLevel(wait)
  if (level === null) throw new Refusal(400, 'bad-request', 'wait: not a level', { hint })
  const members = context.service.settings.members.length
  if (level.kind === 'replicated' && (level.replicas < 1 || level.replicas > members)) {
    throw new Refusal(400, 'bad-request', `wait: the lattice has ${members} nodes`, {
      hint: `replicated:1 to replicated:${members}`,
    })
  }
  return { name: wait, level, timeoutMs: timeout_ms ?? context.limits.waitDefaultMs }
}

function parseLevel(text: string): ReceiptWait['level'] | null {
  if (text === 'local' || text === 'final') return { kind: text }
  const replicas = /^replicated:(\d{1,4})$/.exec(text)?.[1]
  return replicas === undefined ? null : { kind: 'replicated', replicas: Number(replicas) }
}

const entryParams = z.object({
  author: z.string().refine((text) => parseAuthorId(text) !== null, 'not an author id'),
  seq: wholeNumber(0, Number.MAX_SAFE_INTEGER),
})

export const parseEntry = (params: unknown): Pick<ReceiptWait, 'author' | 'seq'> =>
  parseInput(entryParams, params, 'author and seq as a receipt names them')

/** The receipts when all reached `wait`, or its time is up, or `signal` aborts. */
export async function awaitReceipts(
  receipts: readonly Receipt[],
  wait: Wait,
  service: NodeService,
  signal: AbortSignal,
): Promise<{ receipts: Receipt[]; reached: boolean }> {
  const results = await Promise.all(
    receipts.map(async (given) => {
      const { author, seq } = given
      const { level, timeoutMs } = wait
      const { receipt, reached } = await service.waitFor({ author, seq, level, timeoutMs }, signal)
      return { receipt: receipt ?? given, reached }
    }),
  )
  return {
    receipts: results.map((result) => result.receipt),
    reached: results.every((result) => result.reached),
  }
}
