import { readFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exitCodes, type ExitName } from '../ops/errors.ts'
import { interruptions } from './interruption.ts'
import { parseCommandLine, wantsJson } from './program.ts'

// Two folders up from dist/cli/main.js, and from src/cli/main.ts.
const home = fileURLToPath(new URL('../..', import.meta.url))
const argv = process.argv.slice(2)
const isJson = wantsJson(argv)

process.stderr.on('error', () => {
  // Nobody reads the progress any more; the work goes on.
})
const exit = await run()
process.exitCode = exitCodes[exit]
await Promise.all([process.stdout, process.stderr].map(flushed))
// What could not be written is told by an event that comes first.
await nextTurn()
process.exit()

/** Resolves when what was written is out, or cannot be. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}

async function run(): Promise<ExitName> {
  const request = parseCommandLine(argv, ownVersion())
  if (request.kind === 'told') {
    const { as, text } = request
    return tell(isJson ? `${JSON.stringify({ [as]: text })}\n` : `${text}\n`)
  }
  const { calledAs } = await import('./called-as.ts')
  const { execute, tellFailure } = await import('./execute.ts')
  const { InterruptedError, OutputClosedError } = await import('./failure.ts')

  const interruption = new AbortController()
  const world = {
    home,
    calledAs: calledAs(process.argv[1] ?? '', process.cwd(), process.env),
    isJson,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    signal: interruption.signal,
    nowMs: () => performance.now(),
  }
  const react = interruptions()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const reaction = react(performance.now())
      if (reaction === 'stop') interruption.abort(new InterruptedError(signal))
      if (reaction === 'leave') process.exit(exitCodes.interrupted)
    })
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    interruption.abort(new OutputClosedError())
  })
  let isOver = false
  process.on('uncaughtException', (error) => {
    // Once the document is out there must not be a second one.
    const where = isOver ? { ...world, isJson: false } : world
    process.exit(exitCodes[tellFailure(error, where, request)])
  })
  const ended = await execute(request, world)
  isOver = true
  return ended
}

/** Resolves when it is out, or cannot be: a pipe that was closed had enough, a full disk did not. */
function tell(text: string): Promise<ExitName> {
  return new Promise((resolve) => {
    process.stdout.on('error', () => {})
    process.stdout.write(text, (error?: NodeJS.ErrnoException | null) => {
      const isEnough = (error ?? null) === null || error?.code === 'EPIPE'
      if (!isEnough) process.stderr.write(`✘ the output cannot be used (${error?.code ?? ''})\n`)
      resolve(isEnough ? 'done' : 'failed')
    })
  })
}

function ownVersion(): string {
  const { version }: { version: string } = JSON.parse(readFileSync(`${home}/package.json`, 'utf8'))
  return version
}
