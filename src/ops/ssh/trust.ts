import type { Duplex } from 'node:stream'
import ssh2 from 'ssh2'
import { OperatorError } from '../errors.ts'
import { writeWhole } from '../host/durable-file.ts'
import { readBounded } from './bounded-file.ts'
import { enter, leave, routeOf } from './chain.ts'
import type { ConnectionPorts, ConnectionTarget } from './connection.ts'
import { printableWords, SshError, type Place } from './errors.ts'
import { reach } from './hop.ts'
import { hostKeyTypes, typeOfBlob, type PublicKey } from './host-key.ts'
import { knowledgeOf } from './host-keys.ts'
import { placeOf } from './known-hosts.ts'
import { KNOWN_HOSTS_BYTES_MAX } from './limits.ts'
import { serverHostKeyAlgorithms } from './login.ts'
import type { ResolvedHost } from './resolve-host.ts'
import { editedKnownHosts, isOnlyAbout, planTrust, type TrustPlan } from './trust-plan.ts'

/**
 * Asks a host for its keys, one handshake a type, and compares them with what is known. It is not logged
 * in to; the hops before it are, and their keys are verified as ever.
 *
 * @throws as `connect`
 */
export async function askForHostKeys(
  { name, hops }: ConnectionTarget,
  { prompt, signal }: ConnectionPorts,
): Promise<TrustPlan> {
  const host = hops.at(-1)
  const route = routeOf(name, hops, null, prompt ?? null)
  const place = route.places.at(-1)
  if (host === undefined || place === undefined) throw new Error('a chain to nowhere')
  const before = { ...route, hops: hops.slice(0, -1), places: route.places.slice(0, -1) }
  const { clients } = await enter(before, signal)
  try {
    const keys: PublicKey[] = []
    let failure: Error | null = null
    // One after the other: servers refuse those who begin many handshakes at once.
    for (const type of hostKeyTypes) {
      const { stream } = await reach(host, clients.at(-1) ?? null, place, signal)
      const answer = await presented(stream, host, type, place, signal)
      if (answer instanceof Error) failure ??= answer
      else keys.push(answer)
    }
    if (keys.length === 0 && failure !== null) throw failure
    return planTrust(keys, await knowledgeOf(host))
  } finally {
    leave(clients)
  }
}

/**
 * The key of one type that the server holds and has signed the handshake with; an error when it agrees
 * on none, as a server does that has no such key. Takes the stream over and ends it.
 */
async function presented(
  stream: Duplex,
  host: ResolvedHost,
  type: string,
  place: Place,
  signal: AbortSignal,
): Promise<PublicKey | SshError> {
  const client = new ssh2.Client()
  const over = new AbortController()
  let blob: Buffer | null = null
  try {
    signal.throwIfAborted()
    return await new Promise<PublicKey | SshError>((resolve, reject) => {
      const fail = (why: string): void => resolve(noKey(place, type, why))
      signal.addEventListener('abort', () => reject(signal.reason as Error), {
        signal: over.signal,
      })
      client.once('handshake', () => {
        // Before it can ask to log in.
        client.destroy()
        if (blob === null || typeOfBlob(blob) !== type) fail('it presents another type')
        else resolve({ type, blob })
      })
      client.on('error', (error: Error) => fail(printableWords(error.message)))
      client.once('close', () => fail('the server ended it'))
      client.connect({
        sock: stream,
        username: host.user,
        readyTimeout: host.dialTimeoutMs,
        algorithms: { serverHostKey: serverHostKeyAlgorithms(new Set([type])) },
        hostVerifier: (given: Buffer) => {
          // Not trusted: nothing follows the handshake, which proves that the server holds the key.
          blob = given
          return true
        },
        authHandler: () => {},
      })
    })
  } finally {
    over.abort()
    client.on('error', () => {})
    client.destroy()
    stream.destroy()
  }
}

const noKey = (place: Place, type: string, why: string): SshError =>
  new SshError(
    'handshake-failed',
    place,
    'handshake',
    `no handshake with a key of type ${type} (${why})`,
    {
      hint: 'check that an SSH server listens there, and that it takes current algorithms',
    },
  )

/**
 * Keeps `keys`, of those that the host presents, in `path`, which only the operator can read; with
 * `isReplacing`, the lines of that file that contradict them go. A crash leaves the old file or the new
 * one. Of two commands at once the later one may undo the earlier; the host is then asked for again.
 *
 * @throws OperatorError when a key is revoked, or a contradiction is left that only a person can remove
 */
export async function keepHostKeys(
  path: string,
  { name, contradictions }: TrustPlan,
  keys: readonly PublicKey[],
  isReplacing: boolean,
): Promise<void> {
  for (const { line } of contradictions) {
    if (!isReplacing) throw contradicted(name, placeOf(line), `remove it by hand, or add --replace`)
    if (line.file !== path || !isOnlyAbout(line, name)) {
      throw contradicted(name, placeOf(line), `ssh-keygen -R '${name}' -f ${line.file}`)
    }
  }
  const file = await readBounded(path, KNOWN_HOSTS_BYTES_MAX)
  const remove = new Set(contradictions.map(({ fingerprint }) => fingerprint))
  await writeWhole(path, editedKnownHosts(file?.text ?? '', name, { add: keys, remove }), 0o600)
}

const contradicted = (name: string, place: string, hint: string): OperatorError =>
  new OperatorError('host-key-mismatch', `${name} is known by another key (${place})`, { hint })
