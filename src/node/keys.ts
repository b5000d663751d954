import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { fromHex } from '../wire/bytes.ts'
import { peerIdOf, tagged, type Sign } from '../wire/signature.ts'
import type { Settings } from '../wire/settings.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The node's Ed25519 key: who it is to peers, and what it signs with. */
export interface NodeKey {
  seed: Uint8Array
  publicKey: Uint8Array
  peerId: string
  sign: Sign
  /** Ed25519 over untagged bytes, for the predecessor's signed state alone. */
  signRaw(bytes: Uint8Array): Uint8Array
}

/** Why the node cannot start, and what the operator should do. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Throws `StartError`. Its text never holds the key. */
export function readNodeKey(settings: Settings): NodeKey {
  const text = settings.nodeKey === '' ? readKeyFile(settings.nodeKeyFile) : settings.nodeKey
  const seed = fromHex(text.trim(), 32)
  if (seed === null)
    throw new StartError(
      `the node key in ${settings.nodeKeyFile || 'AETHEL_NODE_KEY'} is not 64 hex characters`,
      'make one with: aethel-lattice keys',
    )
  const key = nodeKeyOf(seed)
  const expected = settings.members.find((member) => member.name === settings.nodeName)?.peerId
  if (expected !== key.peerId) {
    throw new StartError(
      `the node key belongs to ${key.peerId}, but AETHEL_MEMBERS says ${settings.nodeName} is ${String(expected)}`,
      'give this node its own key, or generate the settings again',
    )
  }
  return key
}

export function nodeKeyOf(seed: Uint8Array): NodeKey {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = rawPublicKey(createPublicKey(privateKey))
  return {
    seed,
    publicKey,
    peerId: peerIdOf(publicKey),
    sign: (tag, bytes) => sign(null, tagged(tag, bytes), privateKey),
    signRaw: (bytes) => sign(null, bytes, privateKey),
  }
}

const rawPublicKey = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(-32))

function readKeyFile(file: string): string {
  let mode: number
  let text: string
  try {
    mode = statSync(file).mode
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new StartError(
      `cannot read the node key ${file}: ${(error as Error).message}`,
      'check AETHEL_NODE_KEY_FILE and the file’s owner',
    )
  }
  if ((mode & 0o077) !== 0)
    throw new StartError(`the node key ${file} can be read by others`, `chmod 600 ${file}`)
  return text
}
