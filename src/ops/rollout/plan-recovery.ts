import type { Generation, Previous } from '../targets/target.ts'
import type { BeginRecord, JournalRecord, StepRecord } from './journal-record.ts'

/** A node that a run switched or may have switched. */
export interface TouchedNode {
  name: string
  previous: Previous
  next: Generation
}

/** What becomes of a run that was cut short. */
export type Recovery =
  /** All nodes were proven: it only has to be said. */
  | { kind: 'finish'; run: BeginRecord }
  /** `touched` nodes go back, the last one first. Empty: nothing was switched. */
  | { kind: 'revert'; run: BeginRecord; touched: readonly TouchedNode[] }

/** What the journal leaves to do; null when its last run has ended. */
export function planRecovery(records: readonly JournalRecord[]): Recovery | null {
  const run = records.findLast((record) => record.type === 'begin')
  if (run === undefined) return null
  const ofRun = records.filter((record) => record.run === run.run)
  if (ofRun.some((record) => record.type === 'end')) return null

  const steps = ofRun.filter((record) => record.type === 'step')
  const isProven = (name: string): boolean => hasStep(steps, name, ['gate'], 'done')
  if (run.nodes.every((node) => isProven(node.name))) return { kind: 'finish', run }
  return {
    kind: 'revert',
    run,
    touched: run.nodes.filter(
      (node) =>
        hasStep(steps, node.name, ['activate', 'start'], 'begun') && !isBack(steps, node.name),
    ),
  }
}

const hasStep = (
  steps: readonly StepRecord[],
  name: string,
  actions: readonly StepRecord['action'][],
  state: StepRecord['state'],
): boolean =>
  steps.some((step) => step.node === name && step.state === state && actions.includes(step.action))

/** Brought back and proven again. One that is back but unproven is restored again: that changes nothing. */
const isBack = (steps: readonly StepRecord[], name: string): boolean =>
  hasStep(steps, name, ['regate'], 'done')
