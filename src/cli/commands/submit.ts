import { NodeAnswerError } from '../../ops/client/node-answer-error.ts'
import type { NodeClient, ReceiptWait, VerifyAnswer } from '../../ops/client/node-client.ts'
import { OperatorError, type ExitName } from '../../ops/errors.ts'
import { IntentError, parseIntents, type Intent } from '../../wire/intent.ts'
import type { App, Outcome } from '../command.ts'
import { withLattice } from '../lattice.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { SUBMIT_WAIT_MS } from '../limits.ts'
import { formatSubmission } from '../output/submission.ts'
import { firstReady } from '../ready-node.ts'

export interface SubmitOptions {
  node?: string
  wait?: NonNullable<ReceiptWait['wait']>
}

/** Writes an intent through one node, once: a second try could move money twice. */
export async function submit(app: App, text: string, options: SubmitOptions): Promise<Outcome> {
  const intents = readIntents(text)
  const inventory = await openInventory(app)
  return withLattice(app, inventory, async ({ desired, clients }) => {
    const names = chosenNames(desired.nodes, options.node)
    const chosen = clients.filter((client) => names.includes(client.name))
    const wait = options.wait ?? (clients.length > 1 ? 'replicated:2' : 'local')
    refuseUnreachable(wait, clients.length)
    const client = await firstReady(chosen, 'no intent can be written now', app.signal)
    if (app.options.dryRun) return outcomeOfDryRun(client, intents.length)

    const answer = await ask(client, text, { wait, timeoutMs: SUBMIT_WAIT_MS }, app.signal)
    const isReached =
      answer.status !== 'ERROR' &&
      answer.intents.every(({ receipt }) => receipt === null || holds(receipt, wait))
    return {
      exit: exitOf(answer, isReached),
      json: { node: client.name, url: client.url, wait, reached: isReached, ...answer },
      text: (paint) =>
        formatSubmission(
          { node: client.name, nodes: clients.length, wait, isReached, answer },
          paint,
        ),
    }
  })
}

/** A level that this lattice can never reach is asked for by mistake. */
function refuseUnreachable(wait: Wait, nodeCount: number): void {
  const [, wanted] = /^replicated:(\d+)$/.exec(wait) ?? []
  if (wanted === undefined || Number(wanted) <= nodeCount) return
  throw new OperatorError('bad-wait', `${wait} is more than the ${nodeCount} nodes of this phase`, {
    exit: 'badInput',
    hint: `wait for replicated:${nodeCount} at most, or for final`,
  })
}

function readIntents(text: string): Intent[] {
  try {
    return parseIntents(text)
  } catch (error) {
    if (!(error instanceof IntentError)) throw error
    throw new OperatorError('bad-intent', `the intent cannot be read: ${error.message}`, {
      exit: 'badInput',
      hint: error.hint,
      cause: error,
    })
  }
}

/** A question that got no answer may have been carried out: that must not look like a no. */
async function ask(
  client: NodeClient,
  text: string,
  wait: ReceiptWait,
  signal: AbortSignal,
): Promise<VerifyAnswer> {
  try {
    return await client.submit(text, wait, signal)
  } catch (error) {
    // Only the node's own no is a no. Anything else may stand between its yes and us.
    const isNo =
      error instanceof NodeAnswerError && error.code === 'refused' && (error.status ?? 0) < 500
    if (isNo && !signal.aborted) throw error
    throw new OperatorError(
      'outcome-unknown',
      `${client.name} did not say what became of the intent`,
      {
        exit: 'unknown',
        hint: 'it may have been written: look at the balances at /api/lattice/state before you try again',
        cause: error,
      },
    )
  }
}

type Wait = NonNullable<ReceiptWait['wait']>
type Receipt = NonNullable<VerifyAnswer['intents'][number]['receipt']>

function holds({ level, replicas }: Receipt, wait: Wait): boolean {
  if (wait === 'local' || level === 'final') return true
  return wait !== 'final' && replicas >= Number(wait.slice('replicated:'.length))
}

function exitOf({ status }: VerifyAnswer, isReached: boolean): ExitName {
  if (status === 'PROVED') return isReached ? 'done' : 'unknown'
  // A node whose store failed under it does not know what became of the intent.
  if (status === 'ERROR') return 'unknown'
  return status === 'PARSE_ERROR' ? 'badInput' : 'failed'
}

const outcomeOfDryRun = (client: NodeClient, count: number): Outcome => ({
  exit: 'done',
  json: { node: client.name, url: client.url, intents: count, submitted: false },
  text: () => `The intent is well-formed and would be written through ${client.name}.`,
})
