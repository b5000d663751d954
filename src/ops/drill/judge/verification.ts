import type { Verdict } from '../../../wire/verdict.ts'

/** What a verification of the lattice said, as far as a drill cares. */
export interface VerifyResult {
  verdict: Verdict
  checks?: readonly { verdict: Verdict; summary: string }[]
}

/** What its checks found. */
export const problemsOf = ({ checks = [] }: VerifyResult): string[] =>
  checks.filter((check) => check.verdict !== 'PASS').map((check) => check.summary)
