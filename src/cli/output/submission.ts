import type { VerifyAnswer } from '../../ops/client/node-client.ts'
import { count } from './amount.ts'
import type { Paint } from './paint.ts'

export interface Submission {
  node: string
  /** How many nodes the lattice has. */
  nodes: number
  /** What was waited for. */
  wait: string
  isReached: boolean
  answer: VerifyAnswer
}

export function formatSubmission(submission: Submission, paint: Paint): string {
  const { answer, node, wait, isReached } = submission
  const root = answer.merkle_root
  const bad = answer.status === 'ERROR' ? paint.unsure('?') : paint.bad('✘')
  return [
    ...answer.intents.map((intent) => {
      const isProved = intent.status === 'PROVED'
      const mark = isProved ? paint.good('✔') : bad
      return `${mark} ${intent.status} on ${node}: ${intent.message}${whereOf(intent, submission)}`
    }),
    ...(answer.intents.length === 0 ? [`${bad} ${answer.status}: ${answer.message}`] : []),
    ...(isReached
      ? []
      : [
          answer.status === 'ERROR'
            ? 'It may have been written: look at the balances at /api/lattice/state before you try again.'
            : `${paint.unsure('?')} not ${wait} within the time: it is stored, and may still get there`,
        ]),
    ...(root === null ? [] : [paint.faint(`merkle root ${root}`)]),
  ].join('\n')
}

function whereOf({ receipt }: VerifyAnswer['intents'][number], { nodes }: Submission): string {
  if (receipt === null) return ''
  const { level, replicas, provisional } = receipt
  const finality = level === 'final' ? ', final' : provisional ? ', provisional' : ''
  return ` (on ${replicas} of ${count(nodes, 'node')}${finality})`
}
