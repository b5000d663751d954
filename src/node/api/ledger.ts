import type { FastifyInstance, FastifyRequest } from 'fastify'
import type * as z from 'zod'
import type { canaryAnswer, receiptAnswer, stateAnswer } from '../../wire/api.ts'
import type { Intent } from '../../wire/intent.ts'
import { ACCOUNTS_PER_ANSWER_MAX } from '../../wire/limits.ts'
import { paths, type TokenScope } from '../../wire/protocol.ts'
import { UnavailableError } from '../service.ts'
import { signalOf, type ApiContext } from './context.ts'
import { Refusal, unavailableRefusal } from './refusal.ts'
import { SharedSlots } from './slots.ts'
import { codeIn, intentsIn, unavailable, verifiedAnswer, type VerifyAnswer } from './verify.ts'
import { awaitReceipts, parseEntry, parseWait, type Wait } from './wait.ts'

/** Reading and writing the ledger: verify, canary, receipts, state. */
export function ledgerRoutes(app: FastifyInstance, context: ApiContext): void {
  const { service, log, limits, requireScope, recognise } = context
  const waiters = new SharedSlots('waits', limits.waitersMax, limits.waitsPerCallerMax)

  /** Submits and waits. The place to wait is taken first: a refusal after the write would hide it. */
  const submit = async (
    request: FastifyRequest,
    intents: readonly Intent[],
    wait: Wait | null,
    signal: AbortSignal,
  ) => {
    const release = wait === null ? () => {} : waiters.take(recognise(request))
    try {
      const outcomes = await service.submit(intents)
      const accepted = outcomes.flatMap((one) => (one.accepted ? [one.receipt] : []))
      if (wait === null) return { outcomes, waited: { receipts: accepted, reached: true } }
      return { outcomes, waited: await awaitReceipts(accepted, wait, service, signal) }
    } finally {
      release()
    }
  }

  app.post(paths.verify, async (request, reply): Promise<VerifyAnswer> => {
    const code = codeIn(request.body)
    const wait = parseWait(request.query, context)
    const intents = intentsIn(code)
    if (!Array.isArray(intents)) return { ...intents, merkle_root: service.merkleRoot }
    const scope = scopeFor(intents, service.settings.submit)
    if (scope !== null) requireScope(request, scope)
    if (service.refusalReason !== null) return unavailable(intents, service.refusalReason)
    try {
      const { outcomes, waited } = await submit(
        request,
        intents,
        wait,
        signalOf(reply.raw, context),
      )
      return verifiedAnswer(intents, outcomes, waited, wait, service.merkleRoot)
    } catch (error) {
      if (error instanceof Refusal) throw error
      if (error instanceof UnavailableError) return unavailable(intents, error.message)
      log.error({ err: error }, 'submitting failed')
      return unavailable(intents, 'the store failed; whether anything was written is not known')
    }
  })

  app.post(paths.canary, async (request, reply): Promise<z.infer<typeof canaryAnswer>> => {
    if (service.settings.submit === 'token') requireScope(request, 'submit')
    const wait = parseWait(request.query, context)
    const intents: Intent[] = [{ kind: 'noop', note: 'canary' }]
    const { outcomes, waited } = await submit(request, intents, wait, signalOf(reply.raw, context))
    const [outcome] = outcomes
    const [receipt] = waited.receipts
    if (receipt !== undefined) return { success: true, receipt }
    const reason = outcome?.accepted === false ? outcome.message : 'nothing came of it'
    throw unavailableRefusal(service.refusalReason ?? reason)
  })

  app.get(
    `${paths.receipt}/:author/:seq`,
    async (request, reply): Promise<z.infer<typeof receiptAnswer>> => {
      const entry = parseEntry(request.params)
      const wait = parseWait(request.query, context)
      if (wait === null) {
        const receipt = service.receipt(entry.author, entry.seq)
        return { success: receipt !== null, receipt, reached: receipt !== null }
      }
      const { level, timeoutMs } = wait
      const { receipt, reached } = await waiters.during(recognise(request), async () =>
        service.waitFor({ ...entry, level, timeoutMs }, signalOf(reply.raw, context)),
      )
      return { success: receipt !== null, receipt, reached }
    },
  )

  app.get(paths.state, async (): Promise<z.infer<typeof stateAnswer>> => {
    const balances = service.balances()
    const root = service.merkleRoot
    const answer = {
      success: root !== null,
      merkle_root: root,
      state_root: service.stateRoot,
      state: Object.fromEntries(balances.entries().take(ACCOUNTS_PER_ANSWER_MAX)),
      state_size: balances.size,
      total: balances.values().reduce((sum, balance) => sum + balance, 0),
    }
    if (root === null) return { ...answer, signed: false }
    const timestamp = Math.floor(Date.now() / 1000)
    return { ...answer, signed: true, timestamp, signature: service.signState(root, timestamp) }
  })
}

/** Only an operator makes money out of nothing. */
function scopeFor(intents: readonly Intent[], submit: 'open' | 'token'): TokenScope | null {
  if (intents.some((intent) => intent.kind === 'issue')) return 'admin'
  return submit === 'open' ? null : 'submit'
}
