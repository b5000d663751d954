import { createHmac } from 'node:crypto'
import { parsePublicKey, type PublicKey } from './host-key.ts'
import { matchesPatterns } from './host-pattern.ts'

/** Files of known hosts, as sshd(8) describes them under SSH_KNOWN_HOSTS FILE FORMAT. Pure. */

/** A line of such a file. */
export interface KnownHostsLine {
  file: string
  /** From 1. */
  line: number
  marker: 'none' | 'revoked' | 'cert-authority'
  /** The first field as it stands: patterns between commas, or one hashed name. */
  names: string
  /** Null: this line cannot be read. */
  key: PublicKey | null
}

/** The name that OpenSSH looks a host up by. */
export const knownName = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`

/** Every line with a host in it. What is no such line (empty, a comment) is left out. */
export function parseKnownHosts(text: string, file: string): KnownHostsLine[] {
  return text.split('\n').flatMap((given, index) => {
    const line = parseLine(given.replace(/\r$/, ''))
    return line === null ? [] : [{ file, line: index + 1, ...line }]
  })
}

const MARKERS = { '@revoked': 'revoked', '@cert-authority': 'cert-authority' } as const

function parseLine(given: string): Pick<KnownHostsLine, 'marker' | 'names' | 'key'> | null {
  const text = given.replace(/^[ \t]+/, '')
  if (text === '' || text.startsWith('#')) return null
  const [, mark, rest = text] = /^(@[^ \t]*)[ \t]+(.*)$/.exec(text) ?? []
  const [, names = rest, key = ''] = /^([^ \t]+)[ \t]+(.*)$/.exec(rest) ?? []
  if (mark === undefined) return { marker: 'none', names, key: parsePublicKey(key) }
  const marker = Object.hasOwn(MARKERS, mark) ? MARKERS[mark as keyof typeof MARKERS] : undefined
  // OpenSSH leaves a line with any other marker out, too.
  return marker === undefined ? null : { marker, names, key: parsePublicKey(key) }
}

/** Whether a line is about the host that is looked up as `name`. */
export const isAbout = ({ names }: Pick<KnownHostsLine, 'names'>, name: string): boolean =>
  names.startsWith('|') ? isHashOf(names, name) : matchesPatterns(names.split(','), name)

/** `|1|salt|hash`: HMAC-SHA1 of the name under the salt, so that the file does not tell which hosts it knows. */
function isHashOf(hashed: string, name: string): boolean {
  const [, salt, hash] = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(hashed) ?? []
  if (salt === undefined || hash === undefined) return false
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name.toLowerCase()).digest()
  return found.equals(Buffer.from(hash, 'base64'))
}

/** `known_hosts:3`, as errors name a line. */
export const placeOf = ({ file, line }: Pick<KnownHostsLine, 'file' | 'line'>): string =>
  `${file}:${line}`
