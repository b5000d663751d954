import { relative } from 'node:path'
import type { Mutant } from './mutant.ts'

/** What the tests made of a mutant. */
export interface Judged {
  id: string
  about: string
  file: string
  /**
   * Only a failed test catches. Broken: it could not be planted, or the tests ended badly without one
   * that failed, so that nothing can be said.
   */
  verdict: 'caught' | 'survived' | 'broken'
  /** The first test that failed. */
  caughtBy: { file: string; test: string } | null
  /** What that test said, or why nothing can be said. */
  reason: string | null
  seconds: number
}

/** The part of vitest's JSON report that is read here. */
export interface TestReport {
  success: boolean
  testResults: {
    /** Absolute path. */
    name: string
    startTime: number
    endTime: number
    /** Why the file could not be loaded. */
    message: string
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[]
  }[]
}

/** The verdict on a mutant; `report` is null when the tests did not come to an end. */
export function judge(
  { id, about, file }: Mutant,
  report: TestReport | null,
  root: string,
): Omit<Judged, 'seconds'> {
  const mutant = { id, about, file, caughtBy: null }
  if (report === null) return { ...mutant, verdict: 'broken', reason: 'the tests did not end' }
  if (report.success) return { ...mutant, verdict: 'survived', reason: null }
  for (const { name, assertionResults } of report.testResults) {
    const failed = assertionResults.find(({ status }) => status === 'failed')
    if (failed === undefined) continue
    return {
      ...mutant,
      verdict: 'caught',
      caughtBy: { file: relative(root, name), test: failed.fullName },
      reason: firstLineOf(failed.failureMessages[0]),
    }
  }
  const unloaded = report.testResults.find(({ message }) => message !== '')
  return { ...mutant, verdict: 'broken', reason: firstLineOf(unloaded?.message) }
}

/** For people: what it is, and who caught it. */
export function format({ id, about, verdict, caughtBy, reason, seconds }: Judged): string {
  const detail = caughtBy === null ? (reason ?? '') : `by ${caughtBy.file}: ${caughtBy.test}`
  return `${id}: ${about}\n  ${verdict} in ${seconds.toFixed(1)} s ${detail}`.trimEnd()
}

const firstLineOf = (text = 'no reason was given'): string => text.split('\n', 1)[0] ?? ''
