import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Nothing that is measured takes longer. */
const CALL_MS_MAX = 30 * 60_000

/**
 * A process of its own that does what it is told and says what came of it: what is measured shares neither
 * heap nor event loop with who measures.
 */
export class Actor {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>()
  #nextId = 1

  constructor(file: string) {
    this.#child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', ({ id, result, error }: Answer) => {
      const pending = this.#pending.get(id)
      this.#pending.delete(id)
      if (error === undefined) pending?.resolve(result)
      else pending?.reject(new Error(`${file}: ${error}`))
    })
    this.#child.on('exit', (code, signal) => {
      for (const pending of this.#pending.values())
        pending.reject(new Error(`${file} ended: ${String(signal ?? code)}`))
      this.#pending.clear()
    })
  }

  /** Rejects with what the process says went wrong, or when it ends before it answered. */
  call<Result = void>(name: string, args: object = {}): Promise<Result> {
    const id = this.#nextId++
    const pending = Promise.withResolvers<unknown>()
    this.#pending.set(id, pending)
    this.#child.send({ id, name, args })
    const timer = setTimeout(
      () => pending.reject(new Error(`${name}: no answer in ${CALL_MS_MAX} ms`)),
      CALL_MS_MAX,
    )
    return pending.promise.finally(() => clearTimeout(timer)) as Promise<Result>
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}

interface Question {
  id: number
  name: string
  args: object
}

interface Answer {
  id: number
  result?: unknown
  error?: string
}

/** Serves these commands to the process that started this one, and ends with it. */
export function act(commands: Readonly<Record<string, (args: never) => unknown>>): void {
  process.on('disconnect', () => process.kill(process.pid))
  process.on('message', ({ id, name, args }: Question) => {
    void answerOf(async () => commands[name]?.(args as never)).then((answer) =>
      process.send?.({ id, ...answer }),
    )
  })
}

async function answerOf(command: () => Promise<unknown>): Promise<Omit<Answer, 'id'>> {
  try {
    return { result: await command() }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

/** Milliseconds on the clock that all processes of this machine share. */
export const sharedMs = (): number => Number(process.hrtime.bigint()) / 1e6
