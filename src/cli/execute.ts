import { OperatorError, type ExitName } from '../ops/errors.ts'
import { withCommandLines } from './called-as.ts'
import type { App, GlobalOptions, Outcome } from './command.ts'
import {
  DEBUG_VARIABLE,
  failureDocument,
  failureOf,
  OutputClosedError,
  UsageError,
} from './failure.ts'
import { formatFailure } from './output/failure.ts'
import { paintFor, plain } from './output/paint.ts'
import { printable } from './output/printable.ts'
import { createScreen } from './output/screen.ts'
import type { Request } from './program.ts'

type Runnable = Extract<Request, { kind: 'run' | 'refused' }>

/** What a run of the program has of the world. */
export interface World {
  home: string
  calledAs: string
  isJson: boolean
  stdin: { isTTY?: boolean }
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream & { isTTY?: boolean }
  environment: NodeJS.ProcessEnv
  /** Aborts when the command shall end; its reason is an OperatorError. */
  signal: AbortSignal
  /** Any clock that never goes back. */
  nowMs: () => number
}

/** Runs what was asked for and says what came of it: data on stdout, all else on stderr. */
export async function execute(request: Runnable, world: World): Promise<ExitName> {
  try {
    return await succeed(request, world)
  } catch (error) {
    return tellFailure(error, world, request)
  }
}

async function succeed(request: Runnable, world: World): Promise<ExitName> {
  if (request.kind === 'refused') throw new UsageError(request.message, request.hint)
  const app = appOf(request, world)
  tellOfInterruption(app)
  const outcome = await request.run(app)
  say(outcome, request, world)
  return exitUnder(world.signal, outcome.exit)
}

function appOf({ options }: Extract<Runnable, { kind: 'run' }>, world: World): App {
  const { stdout, stderr, stdin, environment, nowMs, home, calledAs, signal } = world
  const isTerminal = stderr.isTTY === true && environment['TERM'] !== 'dumb'
  const canAsk = isTerminal && stdin.isTTY === true && options.input
  const isLive = isTerminal && (environment['CI'] ?? '') === ''
  const paint = { stdout: paintFor('stdout', environment), stderr: paintFor('stderr', environment) }
  const screen = createScreen({ stdout, stderr, paint, isLive, canAsk, nowMs })
  return { options, home, calledAs, signal, screen }
}

function tellOfInterruption({ signal, screen }: App): void {
  signal.addEventListener('abort', () => {
    if (signal.reason instanceof OutputClosedError) return
    screen.say((paint) =>
      paint.unsure('stopping; interrupt again to leave everything as it is now'),
    )
  })
}

function say({ json, text }: Outcome, request: Runnable, world: World): void {
  const { isJson, stdout, environment, calledAs } = world
  if (isJson) {
    stdout.write(`${JSON.stringify(json)}\n`)
    return
  }
  const paint = paintFor('stdout', environment)
  const said = withCommandLines(text(paint), calledAs, optionsOf(request))
  if (said !== '') stdout.write(`${printable(said, paint !== plain)}\n`)
}

/** Says why a command could not end as it should. */
export function tellFailure(error: unknown, world: World, request: Runnable): ExitName {
  const { isJson, stdout, stderr, environment, signal, calledAs } = world
  // What a command says of its own interruption is more than that it was interrupted.
  const isConsequence = signal.aborted && !(error instanceof OperatorError)
  const failure = failureOf(isConsequence ? signal.reason : error)
  if (failure.code === 'output-closed') return failure.exit
  const isDebug = (environment[DEBUG_VARIABLE] ?? '') !== ''
  if (isJson) stdout.write(`${JSON.stringify(failureDocument(failure))}\n`)
  else {
    const paint = paintFor('stderr', environment)
    const said = withCommandLines(formatFailure(failure, paint), calledAs, optionsOf(request))
    stderr.write(`${printable(said, paint !== plain)}\n`)
  }
  if (isDebug) stderr.write(`${stackOf(error)}\n`)
  return exitUnder(signal, failure.exit)
}

const optionsOf = (request: Runnable): GlobalOptions | null =>
  request.kind === 'run' ? request.options : null

/** Nodes that are neither old nor new are more than an interrupted command. */
const exitUnder = (signal: AbortSignal, exit: ExitName): ExitName =>
  signal.aborted && exit !== 'split' ? failureOf(signal.reason).exit : exit

/** With its causes. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`
}
