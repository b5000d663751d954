import type * as z from 'zod'
import type { Receipt, verifyAnswer } from '../../wire/api.ts'
import { formatIntent, IntentError, parseIntents, type Intent } from '../../wire/intent.ts'
import type { SubmitOutcome } from '../service.ts'
import { Refusal } from './refusal.ts'
import type { Wait } from './wait.ts'

/** What `POST /api/verify` is asked and answers, as the predecessor's clients know it. */
export type VerifyAnswer = z.infer<typeof verifyAnswer>
type VerifyIntent = VerifyAnswer['intents'][number]

/** Throws the 422 that the predecessor's clients know: `detail` says what is missing, and where. */
export function codeIn(body: unknown): string {
  const isObject = typeof body === 'object' && body !== null
  const code = isObject && 'code' in body ? body.code : undefined
  if (typeof code === 'string') return code
  const loc = isObject ? ['body', 'code'] : ['body']
  const detail =
    code === undefined
      ? { type: 'missing', loc, msg: 'Field required' }
      : { type: 'string_type', loc, msg: 'Input should be a valid string' }
  throw new Refusal(422, 'missing-code', `${loc.join('.')}: ${detail.msg}`, {
    hint: 'send {"code": "intent transfer { from: Alice, to: Bob, amount: 100 }"}',
    fields: { detail: [detail] },
  })
}

/** The intents of a text; or the answer that says where it is none. */
export function intentsIn(code: string): Intent[] | VerifyAnswer {
  try {
    return parseIntents(code)
  } catch (error) {
    if (!(error instanceof IntentError)) throw error
    return {
      success: false,
      status: 'PARSE_ERROR',
      message: error.message,
      intents: [],
      errors: [`${error.message} (hint: ${error.hint})`],
      merkle_root: null,
    }
  }
}

/** The answer when nothing was decided. */
export function unavailable(intents: readonly Intent[], reason: string): VerifyAnswer {
  return {
    success: false,
    status: 'ERROR',
    message: reason,
    intents: intents.map(({ kind }) => ({
      name: kind,
      status: 'ERROR',
      message: reason,
      receipt: null,
    })),
    errors: [reason],
    merkle_root: null,
  }
}

/** PROVED only when every intent was accepted and replay applied it. */
export function verifiedAnswer(
  intents: readonly Intent[],
  outcomes: readonly SubmitOutcome[],
  waited: { receipts: readonly Receipt[]; reached: boolean },
  wait: Wait | null,
  root: string | null,
): VerifyAnswer {
  const receipts = waited.receipts.values()
  const judged = intents.map((intent, index): VerifyIntent => {
    const outcome = outcomes[index]
    const receipt = outcome?.accepted === true ? (receipts.next().value ?? outcome.receipt) : null
    return { name: intent.kind, ...judge(intent, outcome, receipt), receipt }
  })
  const proved = judged.filter((one) => one.status === 'PROVED').length
  const isProved = proved === intents.length
  const isDown = judged.some((one) => one.status === 'ERROR')
  const level =
    wait === null || waited.receipts.length === 0
      ? ''
      : waited.reached
        ? `; ${wait.name} reached`
        : `; ${wait.name} not reached within ${wait.timeoutMs} ms, it may still be`
  return {
    success: isProved,
    status: isProved ? 'PROVED' : isDown ? 'ERROR' : 'FAILED',
    message: `${proved} of ${intents.length} intents accepted and stored${level}`,
    intents: judged,
    errors: isProved
      ? null
      : judged.filter((one) => one.status !== 'PROVED').map((one) => one.message),
    merkle_root: root,
  }
}

function judge(
  intent: Intent,
  outcome: SubmitOutcome | undefined,
  receipt: Receipt | null,
): Pick<VerifyIntent, 'status' | 'message'> {
  const text = formatIntent(intent)
  if (receipt !== null) {
    return receipt.outcome === 'applied'
      ? { status: 'PROVED', message: `${text}: stored as entry ${receipt.seq}` }
      : {
          status: 'FAILED',
          message: `${text}: ${receipt.reason ?? 'rejected by an earlier entry'}`,
        }
  }
  const refusal = outcome?.accepted === false ? outcome : undefined
  return {
    status: refusal === undefined || refusal.code === 'unavailable' ? 'ERROR' : 'FAILED',
    message: `${text}: ${refusal?.message ?? 'the node gave no outcome'}`,
  }
}
