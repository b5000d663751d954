import { hash } from 'node:crypto'

/** A public key as SSH writes it: its type, and the bytes that hold the type once more and the key. */
export interface PublicKey {
  type: string
  blob: Uint8Array
}

/** A key that must be the host's, given in nodes.yaml. */
export type HostKeyPin =
  | { kind: 'key'; key: PublicKey }
  | { kind: 'fingerprint'; fingerprint: string }

/** As OpenSSH shows it. */
export const fingerprintOf = (blob: Uint8Array): string =>
  `SHA256:${hash('sha256', blob, 'base64').replace(/=+$/, '')}`

/**
 * The kinds of host keys that this room can verify, the preferred one first, each with the algorithms
 * that sign with it. RSA signs with SHA-2 only. Neither certificates nor security keys: ssh2 has none.
 */
const ALGORITHMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['ssh-ed25519', ['ssh-ed25519']],
  ['ecdsa-sha2-nistp256', ['ecdsa-sha2-nistp256']],
  ['ecdsa-sha2-nistp384', ['ecdsa-sha2-nistp384']],
  ['ecdsa-sha2-nistp521', ['ecdsa-sha2-nistp521']],
  ['ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256']],
])

export const hostKeyTypes: readonly string[] = [...ALGORITHMS.keys()]

/** The algorithms for keys of these types, in order of preference. */
export const algorithmsFor = (types: ReadonlySet<string>): readonly string[] =>
  hostKeyTypes.filter((type) => types.has(type)).flatMap((type) => ALGORITHMS.get(type) ?? [])

/** The type that a key's bytes begin with; null for bytes that are no key. */
export function typeOfBlob(blob: Uint8Array): string | null {
  if (blob.length < 4) return null
  const length = new DataView(blob.buffer, blob.byteOffset, blob.length).getUint32(0)
  if (length === 0 || length > 64 || blob.length <= 4 + length) return null
  return Buffer.from(blob.subarray(4, 4 + length)).toString('latin1')
}

/** Reads `ssh-ed25519 AAAA… comment`; null when it is no such thing, or names another type than its bytes. */
export function parsePublicKey(text: string): PublicKey | null {
  const [type = '', base64 = ''] = text.trim().split(/[ \t]+/)
  if (!/^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) return null
  const blob = Buffer.from(base64, 'base64')
  return type !== '' && typeOfBlob(blob) === type ? { type, blob } : null
}

/** Reads what may stand in nodes.yaml under host_keys; null when it is neither. */
export function parseHostKeyPin(text: string): HostKeyPin | null {
  const fingerprint = text.trim()
  if (/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint)) return { kind: 'fingerprint', fingerprint }
  const key = parsePublicKey(text)
  return key !== null && ALGORITHMS.has(key.type) ? { kind: 'key', key } : null
}

export const isSameKey = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** `ssh-ed25519 AAAA…`, as files of known hosts and nodes.yaml have it. */
export const formatPublicKey = ({ type, blob }: PublicKey): string =>
  `${type} ${Buffer.from(blob).toString('base64')}`
