import { createHash, createPrivateKey, sign, type KeyObject } from 'node:crypto'
import { parseSettings, type Settings } from '../../wire/settings.ts'
import { peerIdOf, tagged, type Sign } from '../../wire/signature.ts'

/** A lattice of three for this room's tests, with real keys. */

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export function keyOf(name: string): { key: KeyObject; publicKey: Uint8Array; sign: Sign } {
  const seed = createHash('sha256').update(`api test ${name}`).digest()
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
  return { key, publicKey, sign: (tag, bytes) => sign(null, tagged(tag, bytes), key) }
}

export const names = ['alpha', 'beta', 'gamma'] as const
export const urlOf = (name: string): string => `https://${name}.example.test`
export const peerOf = (name: string): string => peerIdOf(keyOf(name).publicKey)

/** A token for each scope, and what the node stores of them. */
export const tokens = { submit: 'token-submit', control: 'token-control', admin: 'token-admin' }
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export function settingsOf(overrides: Record<string, string> = {}): Settings {
  const result = parseSettings({
    AETHEL_NODE_NAME: 'alpha',
    AETHEL_NODE_KEY_FILE: 'key',
    AETHEL_LATTICE_NAME: 'test',
    AETHEL_MEMBERS: names.map((name) => `${name}=${peerOf(name)}@${urlOf(name)}`).join(','),
    AETHEL_GENESIS: 'Alice:1000,Bob:1000',
    AETHEL_LATTICE_NODES: `${urlOf('beta')},${urlOf('gamma')}`,
    AETHEL_P2P_BOOTSTRAP: `/dns4/beta.example.test/tcp/9000/p2p/${peerOf('beta')}`,
    AETHEL_HTTP_PORT: '7860',
    AETHEL_STATE_DIR: 'data',
    AETHEL_TOKENS: Object.entries(tokens)
      .map(([scope, token]) => `${scope}:${sha256(token)}`)
      .join(','),
    ...overrides,
  })
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.settings
}
