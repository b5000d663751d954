import type { CheckId, Finding, Mark } from './diagnosis.ts'

/** What a judgement comes to: findings, and what could not be looked at for a good reason. */
export interface Judgement {
  findings: readonly Finding[]
  unchecked: readonly { id: string; reason: string }[]
}

type Say = (check: CheckId, finding: string, hint?: string | null) => Finding

const say =
  (mark: Mark): Say =>
  (check, finding, hint = null) => ({ check, mark, finding: oneLine(finding), hint })

export const pass: Say = say('PASS')
export const warn: Say = say('WARN')
export const fail: Say = say('FAIL')
export const unknown: Say = say('UNKNOWN')

/** Hosts have a say in what is shown: no control characters, and not much of it. */
const oneLine = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 400)

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const

/** Bytes for people: `512 MB`, `20.1 GB`. */
export function size(bytes: number): string {
  const power = Math.min(Math.max(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 1), UNITS.length)
  const amount = bytes / 1000 ** power
  return `${amount < 100 ? amount.toFixed(1) : Math.round(amount)} ${UNITS[power - 1]}`
}
