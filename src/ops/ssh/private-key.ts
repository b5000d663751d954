import ssh2, { type ParsedKey } from 'ssh2'
import { fingerprintOf } from './host-key.ts'

/** Private keys as text: OpenSSH's own format, or PEM. What they hold is never part of an error. */

/** Whether a passphrase is needed to read it. */
export function isEncrypted(text: string): boolean {
  const [, body] = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END/.exec(text) ?? []
  if (body === undefined) return /^(?:Proc-Type: 4,ENCRYPTED|-----BEGIN ENCRYPTED)/m.test(text)
  // openssh-key-v1: a magic word, then the name of the cipher.
  const bytes = Buffer.from(body, 'base64')
  const at = 'openssh-key-v1\0'.length
  if (bytes.length < at + 4) return false
  const length = bytes.readUInt32BE(at)
  return bytes.toString('latin1', at + 4, at + 4 + length) !== 'none'
}

/** The key; null when the text is no such key, or the passphrase not its own. */
export function openPrivateKey(text: string, passphrase?: string): ParsedKey | null {
  const key = parse(text, passphrase)
  return key !== null && key.isPrivateKey() ? key : null
}

/** The public half of any key text, of a `.pub` file too; null when there is none to be had. */
export function publicBlobOf(text: string): Buffer | null {
  const key = parse(text)
  return key === null ? null : key.getPublicSSH()
}

function parse(text: string, passphrase?: string): ParsedKey | null {
  try {
    // The types do not tell that keys of OpenSSH's format come as a list of one.
    const found: unknown = ssh2.utils.parseKey(text, passphrase)
    const key = Array.isArray(found) ? (found[0] as ParsedKey | Error | undefined) : found
    return key === undefined || key instanceof Error ? null : (key as ParsedKey)
  } catch {
    return null
  }
}

export const fingerprintOfKey = (key: ParsedKey): string => fingerprintOf(key.getPublicSSH())
