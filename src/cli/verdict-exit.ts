import type { ExitName } from '../ops/errors.ts'
import type { Verdict } from '../wire/verdict.ts'

export const exitOfVerdict: Record<Verdict, ExitName> = {
  PASS: 'done',
  FAIL: 'failed',
  UNKNOWN: 'unknown',
}
