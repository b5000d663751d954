import { fingerprintOf, formatPublicKey, isSameKey, type PublicKey } from './host-key.ts'
import { judgeHostKey, knownKeys, type HostKeyKnowledge } from './judge-host-key.ts'
import { isAbout, parseKnownHosts, type KnownHostsLine } from './known-hosts.ts'

/** What is to be done about the keys that a host presents. Pure. */

export type KeyStanding = 'known' | 'new' | 'other' | 'revoked' | 'contradicts'

export interface PresentedKey extends PublicKey {
  fingerprint: string
  /**
   * `new`: nothing is known of the host. `other`: it is known by another key that it presents as well,
   * so this one need not be known. `contradicts`: the host is known by other keys only, or by another
   * one of this type.
   */
  standing: KeyStanding
}

/** Lines that are about this host and name none of the presented keys. */
export interface Contradiction {
  fingerprint: string
  line: KnownHostsLine
}

export interface TrustPlan {
  /** The name that the keys are kept under. */
  name: string
  /** The host's keys stand in nodes.yaml, so that nothing that is kept elsewhere would count. */
  isPinned: boolean
  keys: readonly PresentedKey[]
  /** What would have to go before the presented keys could be kept. */
  contradictions: readonly Contradiction[]
}

/** Compares the keys that a host presents, one of each type, with what is known. */
export function planTrust(presented: readonly PublicKey[], knowledge: HostKeyKnowledge): TrustPlan {
  const known = new Set(knownKeys(knowledge).map(({ fingerprint }) => fingerprint))
  const isKnown = ({ blob }: PublicKey): boolean => known.has(fingerprintOf(blob))
  const contradictions = knowledge.pins.length > 0 ? [] : contradicting(presented, knowledge)
  const isProven = presented.some(isKnown)
  const standingOf = (key: PublicKey): KeyStanding => {
    const { kind } = judgeHostKey(key.blob, knowledge)
    if (kind === 'revoked' || kind === 'unreadable') return 'revoked'
    if (kind === 'known') return 'known'
    if (known.size === 0) return 'new'
    const isOfType = contradictions.some(({ line }) => line.key?.type === key.type)
    return isProven && !isOfType ? 'other' : 'contradicts'
  }
  const keys = presented.map((key) => ({
    ...key,
    fingerprint: fingerprintOf(key.blob),
    standing: standingOf(key),
  }))
  const isContradicted = keys.some(({ standing }) => standing === 'contradicts')
  return {
    name: knowledge.name,
    isPinned: knowledge.pins.length > 0,
    keys,
    contradictions: isContradicted ? contradictions : [],
  }
}

function contradicting(
  presented: readonly PublicKey[],
  { name, lines }: HostKeyKnowledge,
): readonly Contradiction[] {
  return lines.flatMap((line) => {
    const { key } = line
    if (line.marker !== 'none' || key === null || !isAbout(line, name)) return []
    if (presented.some(({ blob }) => isSameKey(blob, key.blob))) return []
    return [{ fingerprint: fingerprintOf(key.blob), line }]
  })
}

/** What is put into a file of known hosts, and what is taken out of it. */
export interface KnownHostsEdit {
  add: readonly PublicKey[]
  /** Fingerprints of keys that are the host's no more. */
  remove: ReadonlySet<string>
}

/** A file of known hosts, edited: lines about other hosts, comments and what cannot be read stay as they are. */
export function editedKnownHosts(
  text: string,
  name: string,
  { add, remove }: KnownHostsEdit,
): string {
  const own = parseKnownHosts(text, '').flatMap(({ key, ...line }) =>
    line.marker === 'none' && key !== null && isOnlyAbout(line, name) ? [{ ...line, key }] : [],
  )
  const gone = new Set(
    own.filter(({ key }) => remove.has(fingerprintOf(key.blob))).map(({ line }) => line),
  )
  const missing = add.filter(({ blob }) => !own.some(({ key }) => isSameKey(key.blob, blob)))
  const kept = text.split('\n').filter((_line, index) => !gone.has(index + 1))
  if (kept.at(-1) === '') kept.pop()
  return [...kept, ...missing.map((key) => `${name} ${formatPublicKey(key)}`), ''].join('\n')
}

/** Whether a line is about this host and no other one. */
export const isOnlyAbout = (line: Pick<KnownHostsLine, 'names'>, name: string): boolean =>
  line.names.startsWith('|') ? isAbout(line, name) : line.names.toLowerCase() === name
