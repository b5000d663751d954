import { worstOf, type Verdict } from '../../wire/verdict.ts'
import type {
  Answer,
  CheckId,
  CheckResult,
  Failure,
  Json,
  NodeObservation,
  Observation,
  Unchecked,
} from './observation.ts'

/** What one cell of a check came to. `text`: a clause for people; of a PASS it is not shown. */
export interface Finding {
  verdict: Verdict
  text: string
}

/** What a check comes to: a result, or nothing when all of it is unchecked. */
export interface Judgement {
  check: CheckResult | null
  unchecked: Unchecked[]
}

/** The nodes that proved who they are; what the others say counts for nothing. */
export type Proven = ReadonlySet<string>

export type Check = (observation: Observation, proven: Proven) => Judgement

export const pass: Finding = { verdict: 'PASS', text: '' }
export const fail = (text: string): Finding => ({ verdict: 'FAIL', text })
export const unknown = (text: string): Finding => ({ verdict: 'UNKNOWN', text })

/** The result over all findings, worst first. Without findings: UNKNOWN. */
export function conclude(
  id: CheckId,
  findings: readonly Finding[],
  whenPass: string,
  evidence: Json,
  unchecked: Unchecked[] = [],
): Judgement {
  const verdict = worstOf(findings.map((finding) => finding.verdict))
  const worst = findings.filter((finding) => finding.verdict === verdict)
  const [first] = worst
  const more = worst.length > 1 ? ` (and ${worst.length - 1} more)` : ''
  const summary =
    verdict === 'PASS'
      ? whenPass
      : first === undefined
        ? 'Nothing was observed.'
        : `${oneLine(first.text)}${more}.`
  return { check: { id, verdict, summary, evidence }, unchecked }
}

/** What nodes say is in it, and it is shown on terminals. */
const oneLine = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 500)

export const leaveUnchecked = (id: CheckId, reason: string): Judgement => ({
  check: null,
  unchecked: [{ id, reason }],
})

/** A missing answer leaves unknown what it would have told. */
export const missing = (answer: Failure): Finding =>
  unknown(answer.hint === null ? answer.message : `${answer.message} — ${answer.hint}`)

export const unproven = (name: string): Finding => unknown(`${name} did not prove who it is`)

export const observedOf = (observation: Observation, name: string): NodeObservation | undefined =>
  observation.nodes.find((node) => node.name === name)

/**
 * The finding on what a node answered: UNKNOWN unless the node is proven and the answer there.
 */
export function findingOn<T>(
  observation: Observation,
  proven: Proven,
  name: string,
  pick: (node: NodeObservation) => Answer<T>,
  judge: (value: T) => Finding,
): Finding {
  const node = observedOf(observation, name)
  if (node === undefined || !proven.has(name)) return unproven(name)
  const answer = pick(node)
  return answer.ok ? judge(answer.value) : missing(answer)
}

/** Several answers as one: the first failure among them, or all their values. */
export function together<T extends readonly unknown[]>(
  ...answers: { [Index in keyof T]: Answer<T[Index]> }
): Answer<T> {
  const failure = answers.find((answer): answer is Failure => !answer.ok)
  if (failure !== undefined) return failure
  const values = answers.map((answer) => (answer as { value: unknown }).value) as unknown as T
  return { ok: true, value: values, tookMs: 0 }
}

/** The value of an answer; null without one. */
export const valueOf = <T>(answer: Answer<T> | null | undefined): T | null =>
  answer?.ok === true ? answer.value : null

/** For evidence: why there is no answer; null when there is one. */
export const errorOf = (answer: Answer<unknown> | null | undefined): Json =>
  answer === null || answer === undefined || answer.ok
    ? null
    : { code: answer.code, message: answer.message }

/** Milliseconds to a tenth; never −0, which JSON does not know. */
export const ms = (value: number): number => Math.round(value * 10) / 10 + 0

export const plural = (count: number, noun: string): string =>
  `${count} ${count === 1 ? noun : noun.replace(/y$/, 'ie').replace(/s$/, 'se')}${count === 1 ? '' : 's'}`

/** Groups of names whose values are equal, of those that stand more than once. */
export function duplicatesOf(
  values: readonly (readonly [name: string, value: string])[],
): string[][] {
  const groups = Map.groupBy(values, ([, value]) => value)
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.map(([name]) => name))
}

export const short = (hash: string): string => hash.slice(0, 12)
