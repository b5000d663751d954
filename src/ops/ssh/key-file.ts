import { readBounded } from './bounded-file.ts'
import { fingerprintOf } from './host-key.ts'
import { KEY_BYTES_MAX } from './limits.ts'
import { publicBlobOf } from './private-key.ts'

/** A file that IdentityFile names, or what is beside it. */
export interface KeyFile {
  path: string
  /** The private key; null when only its public half is here and an agent may have the rest. A secret. */
  text: string | null
  /** Of the public half; null when only a passphrase would tell. */
  fingerprint: string | null
}

/** Null: there is none. `exposed`: others can read the private key, so it is not used, as ssh does. */
export async function readKeyFile(path: string): Promise<KeyFile | 'exposed' | null> {
  const file = await readBounded(path, KEY_BYTES_MAX)
  const beside = await publicFingerprint(`${path}.pub`)
  if (file === null) return beside === null ? null : { path, text: null, fingerprint: beside }
  const own = publicBlobOf(file.text)
  const fingerprint = own === null ? beside : fingerprintOf(own)
  if (!file.text.includes('PRIVATE KEY')) return { path, text: null, fingerprint }
  if ((file.mode & 0o077) !== 0 && process.platform !== 'win32') return 'exposed'
  return { path, text: file.text, fingerprint }
}

async function publicFingerprint(path: string): Promise<string | null> {
  const file = await readBounded(path, KEY_BYTES_MAX)
  const blob = file === null ? null : publicBlobOf(file.text)
  return blob === null ? null : fingerprintOf(blob)
}
