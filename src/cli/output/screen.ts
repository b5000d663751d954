import { duration } from './amount.ts'
import { OVER, plainBoard, type Board, type Row, type Task, type Title } from './board.ts'
import { inTurn } from './in-turn.ts'
import { plain, type Paint } from './paint.ts'
import { printable } from './printable.ts'
import type { Question } from './question.ts'

/** What a command may show while it works. Its result it returns. */
export interface Screen {
  /** Data, on stdout: for a command that streams. Anything else is part of its outcome. */
  print(text: (paint: Paint) => string): void
  /** A line of progress, on stderr. */
  say(text: (paint: Paint) => string): void
  /** Shows that something is going on, on stderr, until `work` settles. */
  during<T>(title: Title, work: Task<T>): Promise<T>
  /** Shows `rows` as they are done one after the other, on stderr. */
  board(rows: readonly Row[]): Board
  /** Whether somebody is there who can answer a question. */
  readonly canAsk: boolean
  /** Asks yes or no; no when nothing is typed. */
  confirm(question: string, signal: AbortSignal): Promise<boolean>
  /** Asks for a line of text; a secret one is not shown while it is typed. */
  answer(question: Question, signal: AbortSignal): Promise<string>
}

/** Where a screen writes, and what it knows of its reader. */
export interface ScreenTerms {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
  /** Colours of stdout and of stderr. */
  paint: { stdout: Paint; stderr: Paint }
  /** Whether stderr can be written over: a terminal. */
  isLive: boolean
  canAsk: boolean
  nowMs: () => number
}

export function createScreen(terms: ScreenTerms): Screen {
  const { stdout, stderr } = terms.paint
  const say = (text: string): void => {
    terms.stderr.write(`${printable(text, stderr !== plain)}\n`)
  }
  // Several connections may have a question at once, and there is one terminal.
  const oneAtATime = inTurn()
  return {
    canAsk: terms.canAsk,
    print: (text) => terms.stdout.write(`${printable(text(stdout), stdout !== plain)}\n`),
    say: (text) => say(text(stderr)),
    during: async (title, work) => {
      if (!terms.isLive) return during({ ...terms, say }, title, work)
      const { liveTask } = await import('./live.ts')
      return liveTask(title, work)
    },
    board: (rows) => (terms.isLive ? liveBoard(rows) : plainBoard(stderr, say, rows)),
    confirm: async (question, signal) =>
      oneAtATime(async () => (await import('./question.ts')).ask(question, signal)),
    answer: async (question, signal) =>
      oneAtATime(async () => (await import('./question.ts')).answer(question, signal)),
  }
}

async function during<T>(
  { paint, nowMs, say }: ScreenTerms & { say: (text: string) => void },
  { doing, done }: Title,
  work: Task<T>,
): Promise<T> {
  const { bad, faint } = paint.stderr
  const startedMs = nowMs()
  const took = (): string => faint(`(${duration(nowMs() - startedMs)})`)
  say(faint(`… ${doing}`))
  try {
    const result = await work((text) => say(faint(`  ${text}`)))
    say(`${faint(OVER)} ${done} ${took()}`)
    return result
  } catch (error) {
    say(`${bad('✘')} ${doing} ${took()}`)
    throw error
  }
}

/** The board of a terminal; what is told before it is loaded is shown once it is. */
function liveBoard(rows: readonly Row[]): Board {
  const loading = import('./live.ts').then((live) => live.openBoard(rows))
  const once = (act: (board: Board) => void): void => {
    void loading.then(act)
  }
  return {
    done: (id, tookMs) => once((board) => board.done(id, tookMs)),
    failed: (id, reason) => once((board) => board.failed(id, reason)),
    unproven: (id, reason) => once((board) => board.unproven(id, reason)),
    close: async () => (await loading).close(),
  }
}
