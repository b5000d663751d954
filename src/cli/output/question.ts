import { confirm } from '@inquirer/prompts'
import { InterruptedError } from '../failure.ts'

/** Asks on stderr, so that stdout stays data. Ctrl-C at the question interrupts the command. */
export async function ask(question: string, signal: AbortSignal): Promise<boolean> {
  try {
    return await confirm({ message: question, default: false }, { output: process.stderr, signal })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && error.name === 'ExitPromptError') {
      throw new InterruptedError('Ctrl-C')
    }
    throw error
  }
}
