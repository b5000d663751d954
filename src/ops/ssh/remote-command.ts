import { Readable } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import { ConnectionLostError } from './errors.ts'
import { STDERR_BYTES_MAX } from './limits.ts'
import type { CommandEnd, CommandOutcome, ExecOptions, RemoteCommand } from './session.ts'

/** The connection that a command runs on, as the command sees it. */
export interface Line {
  description: string
  /** Why it ended; null while it is there. */
  lossOf(): string | null
}

/** A command that the server has started on `channel`. */
export function remoteCommand(
  channel: ClientChannel,
  line: Line,
  { signal, stdin }: ExecOptions,
): RemoteCommand {
  const stderr = tailOf(channel.stderr)
  const stdout = stdoutOf(channel)
  let exit: CommandOutcome = { kind: 'lost' }
  channel.once('exit', (code: number | null, name?: string) => {
    exit = code === null ? { kind: 'killed', signal: name ?? 'unknown' } : { kind: 'exited', code }
  })

  const ended = new Promise<CommandEnd>((resolve, reject) => {
    const letGo = (reason: Error): void => {
      reject(reason)
      stdout.destroy(reason)
    }
    const abort = (): void => letGo(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    channel.once('close', () => {
      signal.removeEventListener('abort', abort)
      const loss = line.lossOf()
      // An exit code that came before the connection ended says nothing of the output after it.
      const outcome: CommandOutcome = loss === null ? exit : { kind: 'lost' }
      if (outcome.kind === 'lost') {
        stdout.destroy(new ConnectionLostError(line.description, loss ?? 'no word of how it ended'))
      } else {
        stdout.push(null)
      }
      resolve({ outcome, stderr: stderr() })
    })
    if (signal.aborted) abort()
    else feed(channel, stdin).catch(letGo)
  })
  // Both ends tell of a failure; nobody has to listen to both.
  ended.catch(() => {})
  stdout.on('error', () => {})
  return { stdout, ended }
}

/** Reads `channel` no faster than it is read; it is ended by its owner, who knows how it went. */
function stdoutOf(channel: ClientChannel): Readable {
  const stdout = new Readable({
    read: () => {
      channel.resume()
    },
    destroy: (error, done) => {
      // Whoever stops reading lets go of the command. Closing a closed channel does nothing.
      channel.close()
      channel.resume()
      done(error)
    },
  })
  channel.on('data', (chunk: Buffer) => {
    if (!stdout.destroyed && !stdout.push(chunk)) channel.pause()
  })
  channel.pause()
  return stdout
}

/** Keeps the end of what a stream says. */
function tailOf(stream: Readable): () => string {
  let tail = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk])
    if (tail.length > STDERR_BYTES_MAX) tail = tail.subarray(-STDERR_BYTES_MAX)
  })
  return () => tail.toString('utf8')
}

async function feed(channel: ClientChannel, stdin: ExecOptions['stdin']): Promise<void> {
  if (stdin === undefined || typeof stdin === 'string' || stdin instanceof Uint8Array) {
    channel.end(stdin)
    return
  }
  let isClosed = false
  let wake = (): void => {}
  channel.on('drain', () => wake())
  channel.once('close', () => {
    isClosed = true
    wake()
  })
  for await (const chunk of stdin) {
    // A command may end before it has read all; its exit code tells whether that was right.
    if (isClosed) return
    // ssh2 never calls back for what it was given after the server had closed.
    if (!channel.write(chunk)) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  channel.end()
}
