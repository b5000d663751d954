import { fingerprintOf, hostKeyTypes, isSameKey, typeOfBlob, type HostKeyPin } from './host-key.ts'
import { isAbout, placeOf, type KnownHostsLine } from './known-hosts.ts'

/** What is known of a host's keys. With `pins`, only those count; a revoked key is refused all the same. */
export interface HostKeyKnowledge {
  /** The name that it is looked up by; see `knownName`. */
  name: string
  pins: readonly HostKeyPin[]
  /** All lines of all files, those about other hosts included. */
  lines: readonly KnownHostsLine[]
}

/** A key that is known, and where it stands. */
export interface KnownKey {
  fingerprint: string
  place: string
}

export type HostKeyJudgement =
  | { kind: 'known'; by: string }
  /** `isCertified`: an authority is named for this host, but ssh2 verifies no host certificates. */
  | { kind: 'unknown'; fingerprint: string; type: string; isCertified: boolean }
  | { kind: 'mismatch'; fingerprint: string; type: string; known: readonly KnownKey[] }
  | { kind: 'revoked'; fingerprint: string; place: string }
  /** A line that revokes some key of this host cannot be read, so it may be this one. */
  | { kind: 'unreadable'; place: string }

/** Where a pinned key stands. */
const PINNED = 'nodes.yaml, ssh.host_keys'

/** Judges the key that a host presents. Anything but `known` must end the connection. */
export function judgeHostKey(blob: Uint8Array, knowledge: HostKeyKnowledge): HostKeyJudgement {
  const fingerprint = fingerprintOf(blob)
  const type = typeOfBlob(blob) ?? 'unknown'
  const lines = knowledge.lines.filter((line) => isAbout(line, knowledge.name))

  const revocations = lines.filter(({ marker }) => marker === 'revoked')
  const revoked = revocations.find(({ key }) => key !== null && isSameKey(key.blob, blob))
  if (revoked !== undefined) return { kind: 'revoked', fingerprint, place: placeOf(revoked) }
  const unreadable = revocations.find(({ key }) => key === null)
  if (unreadable !== undefined) return { kind: 'unreadable', place: placeOf(unreadable) }

  const known = knownKeys(knowledge)
  const match = known.find((one) => one.fingerprint === fingerprint)
  if (match !== undefined) return { kind: 'known', by: match.place }
  if (known.length > 0) return { kind: 'mismatch', fingerprint, type, known }
  const isCertified = lines.some(({ marker }) => marker === 'cert-authority')
  return { kind: 'unknown', fingerprint, type, isCertified }
}

/** The keys that may be the host's. Two keys with one SHA-256 fingerprint are one key. */
export function knownKeys({ name, pins, lines }: HostKeyKnowledge): readonly KnownKey[] {
  if (pins.length > 0) {
    return pins.map((pin) => ({
      fingerprint: pin.kind === 'key' ? fingerprintOf(pin.key.blob) : pin.fingerprint,
      place: PINNED,
    }))
  }
  return plainLines({ name, lines }).map((line) => ({
    fingerprint: fingerprintOf(line.key.blob),
    place: placeOf(line),
  }))
}

/**
 * The types of the keys that may be the host's. Only these are asked for: a server that is known by its
 * ed25519 key and presents another one first would look like an impostor.
 * All of them where nothing is known, so that the error can show what the host presents, and where only
 * a fingerprint is, which does not tell its type.
 */
export function askedTypes(knowledge: HostKeyKnowledge): ReadonlySet<string> {
  const types = knownTypes(knowledge)
  if (types.size === 0 || knowledge.pins.some(({ kind }) => kind === 'fingerprint')) {
    return new Set(hostKeyTypes)
  }
  return types.intersection(new Set(hostKeyTypes))
}

/** The types of the keys that are known as keys, those that cannot be verified here included. */
export function knownTypes({ name, pins, lines }: HostKeyKnowledge): ReadonlySet<string> {
  return new Set(
    pins.length > 0
      ? pins.flatMap((pin) => (pin.kind === 'key' ? [pin.key.type] : []))
      : plainLines({ name, lines }).map(({ key }) => key.type),
  )
}

function plainLines({ name, lines }: Pick<HostKeyKnowledge, 'name' | 'lines'>) {
  return lines.flatMap((line) =>
    line.marker === 'none' && line.key !== null && isAbout(line, name)
      ? [{ ...line, key: line.key }]
      : [],
  )
}
