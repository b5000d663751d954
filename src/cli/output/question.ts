import { confirm, input, password } from '@inquirer/prompts'
import { InterruptedError } from '../failure.ts'

export interface Question {
  text: string
  isSecret: boolean
}

/** Asks on stderr, so that stdout stays data. Ctrl-C at the question interrupts the command. */
export const ask = async (question: string, signal: AbortSignal): Promise<boolean> =>
  asked(signal, async (context) => confirm({ message: question, default: false }, context))

/** As `ask`, for a line of text. */
export const answer = async ({ text, isSecret }: Question, signal: AbortSignal): Promise<string> =>
  asked(signal, async (context) =>
    isSecret ? password({ message: text }, context) : input({ message: text }, context),
  )

async function asked<T>(
  signal: AbortSignal,
  question: (context: { output: NodeJS.WritableStream; signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  try {
    return await question({ output: process.stderr, signal })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && error.name === 'ExitPromptError') {
      throw new InterruptedError('Ctrl-C')
    }
    throw error
  }
}
