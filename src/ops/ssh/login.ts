import type { Duplex } from 'node:stream'
import ssh2, { type AuthenticationType, type Client, type ServerHostKeyAlgorithm } from 'ssh2'
import { waysToLogin, type Credentials, type Tried } from './authentication.ts'
import { countdown, type Countdown } from './countdown.ts'
import { hostKeyError, LoginRefusedError, printableWords, SshError, type Place } from './errors.ts'
import { algorithmsFor } from './host-key.ts'
import { judgeHostKey, type HostKeyKnowledge } from './judge-host-key.ts'
import { LOGIN_MS_MAX } from './limits.ts'

/** How a host must prove who it is. */
export interface Expectation {
  knowledge: HostKeyKnowledge
  /** Types of keys that it is asked for; at least one. */
  types: ReadonlySet<string>
}

/**
 * Verifies the host at the other end of `socket` and logs in to it. Takes the socket over; on failure
 * it is destroyed.
 *
 * @throws SshError and its kinds; what the prompt throws; the reason of `signal`
 */
export async function login(
  socket: Duplex,
  credentials: Credentials,
  expectation: Expectation,
  place: Place,
  signal: AbortSignal,
): Promise<Client> {
  const client = new ssh2.Client()
  const timer = countdown()
  const over = new AbortController()
  try {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), {
        signal: over.signal,
      })
      const lives = AbortSignal.any([signal, over.signal])
      begin(client, socket, {
        credentials,
        expectation,
        place,
        timer,
        signal: lives,
        resolve,
        reject,
      })
    })
    return client
  } catch (error) {
    client.on('error', () => {})
    client.destroy()
    socket.destroy()
    throw error
  } finally {
    over.abort()
    timer.stop()
  }
}

interface Attempt {
  credentials: Credentials
  expectation: Expectation
  place: Place
  timer: Countdown
  /** Aborts when the attempt is over, too. */
  signal: AbortSignal
  resolve: () => void
  /** The first call counts. */
  reject: (error: Error) => void
}

function begin(client: Client, socket: Duplex, attempt: Attempt): void {
  const { credentials, expectation, place, timer, signal, resolve, reject } = attempt
  const { host, prompt } = credentials
  const tried: Tried = []
  const asking = prompt === null ? null : timer.pausing(prompt, LOGIN_MS_MAX)
  const ways = waysToLogin({ ...credentials, prompt: asking }, tried, signal)
  let isVerified = false
  const fail = (error: Error | null): void =>
    reject(
      isVerified ? endedLogin(place, tried, error) : failedHandshake(place, expectation, error),
    )

  timer.start(host.dialTimeoutMs, () => reject(slow(place, 'handshake', host.dialTimeoutMs)))
  client.once('handshake', () => {
    isVerified = true
    timer.start(LOGIN_MS_MAX, () => reject(slow(place, 'login', LOGIN_MS_MAX)))
  })
  client.once('ready', resolve)
  client.on('error', (error: Error & { level?: string }) => {
    // A key or an agent that cannot sign is no reason to stop: the next way follows.
    if (error.level !== 'agent' && error.level !== 'client-authentication') fail(error)
  })
  client.once('close', () => fail(null))
  client.connect({
    sock: socket,
    username: host.user,
    readyTimeout: 0,
    keepaliveInterval: host.keepaliveMs,
    keepaliveCountMax: host.keepaliveCount,
    algorithms: { serverHostKey: serverHostKeyAlgorithms(expectation.types) },
    hostVerifier: (blob: Buffer) => {
      const judgement = judgeHostKey(blob, expectation.knowledge)
      if (judgement.kind === 'known') return true
      reject(hostKeyError(place, judgement))
      return false
    },
    authHandler: (left: AuthenticationType[] | null, _isPartial, next) => {
      void (async () => {
        try {
          const { done, value } = await ways.next(left)
          if (done === true) reject(new LoginRefusedError(place, tried, null))
          else next(value)
        } catch (error) {
          reject(error as Error)
        }
      })()
    },
  })
}

/** Never empty: ssh2 would take that for its default, and ask for keys of every type. */
export function serverHostKeyAlgorithms(types: ReadonlySet<string>): ServerHostKeyAlgorithm[] {
  const algorithms = algorithmsFor(types)
  if (algorithms.length === 0) throw new Error('no algorithm to ask for')
  return [...algorithms] as ServerHostKeyAlgorithm[]
}

const slow = (place: Place, step: 'handshake' | 'login', limitMs: number): SshError =>
  new SshError('connection-timed-out', place, step, `the ${step} took more than ${limitMs} ms`, {
    hint: 'check that an SSH server listens on that port, and how busy the host is',
  })

function failedHandshake(place: Place, { types }: Expectation, error: Error | null): SshError {
  const why = error === null ? 'the server ended it' : printableWords(error.message)
  return new SshError('handshake-failed', place, 'handshake', `the handshake failed (${why})`, {
    hint: `check that an SSH server listens there, that it has a host key of a type that is known (${[...types].join(', ')}), and that it takes current algorithms`,
    cause: error ?? undefined,
  })
}

function endedLogin(place: Place, tried: Tried, error: (Error & { level?: string }) | null): Error {
  if (error?.level === undefined) {
    const words = error === null ? 'it closed the connection' : printableWords(error.message)
    return new LoginRefusedError(place, tried, words)
  }
  return new SshError(
    'connection-lost',
    place,
    'login',
    `the connection broke off (${printableWords(error.message)})`,
    {
      hint: 'check the network between here and the host',
      cause: error,
    },
  )
}
