import { generateKeyPairSync, sign } from 'node:crypto'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { realKey } from '../../test/simulation/members.ts'
import vectors from '../../test/vectors/ed25519.json' with { type: 'json' }
import { authorBytes, authorIdOf, authorKeyHex, parseAuthorId } from './author.ts'
import { toHex } from './bytes.ts'
import {
  isSoundPublicKey,
  peerIdOf,
  publicKeyOf,
  tagged,
  taggedHash,
  tags,
  verifySignature,
} from './signature.ts'

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })
const publicKeyOfSeed = async (bytes: Uint8Array): Promise<Uint8Array> =>
  (await generateKeyPairFromSeed('Ed25519', bytes)).publicKey.raw

describe('Ed25519', () => {
  // RFC 8032 §7.1. The RFC signs bare messages, ours are tagged, so the keys are what is compared
  // here: the key of each seed signs our bytes, and only it verifies them.
  it.each(vectors.rfc8032)('key of RFC 8032 test $name verifies what it signed', async (vector) => {
    const pair = await generateKeyPairFromSeed('Ed25519', bytesOf(vector.seed))
    expect(toHex(pair.publicKey.raw)).toBe(vector.publicKey)
    expect(toHex(await pair.sign(bytesOf(vector.message)))).toBe(vector.signature)
    const message = bytesOf(vector.message)
    const signature = await pair.sign(tagged(tags.entry, message))
    const publicKey = bytesOf(vector.publicKey)
    expect(verifySignature(publicKey, tags.entry, message, signature)).toBe(true)
    // The RFC's own signature is over untagged bytes: it must not serve here.
    expect(verifySignature(publicKey, tags.entry, message, bytesOf(vector.signature))).toBe(false)
  })

  const { publicKey, sign: signWith } = realKey(1)
  const message = Buffer.from('message')
  const signature = signWith(tags.entry, message)

  it('verifies only the tag, the bytes, the key and the signature that belong together', () => {
    expect(verifySignature(publicKey, tags.entry, message, signature)).toBe(true)
    expect(verifySignature(publicKey, tags.checkpoint, message, signature)).toBe(false)
    expect(verifySignature(publicKey, tags.entry, Buffer.from('massage'), signature)).toBe(false)
    expect(verifySignature(realKey(2).publicKey, tags.entry, message, signature)).toBe(false)
  })

  it('refuses every single-bit change of a signature', () => {
    for (let bit = 0; bit < 512; bit += 1) {
      const forged = new Uint8Array(signature)
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(verifySignature(publicKey, tags.entry, message, forged)).toBe(false)
    }
  })

  it('refuses the other signature that a lax verifier would take: s + group order', () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    let s = BigInt(`0x${toHex(signature.slice(32).toReversed())}`) + order
    const forged = new Uint8Array(signature)
    for (let index = 32; index < 64; index += 1) {
      forged[index] = Number(s & 0xffn)
      s >>= 8n
    }
    expect(verifySignature(publicKey, tags.entry, message, forged)).toBe(false)
  })

  it.each([0, 31, 33, 64])('is false, not an error, for a key of %i bytes', (length) => {
    expect(verifySignature(new Uint8Array(length), tags.entry, message, signature)).toBe(false)
  })

  it.each([0, 63, 65])('is false, not an error, for a signature of %i bytes', (length) => {
    expect(verifySignature(publicKey, tags.entry, message, new Uint8Array(length))).toBe(false)
  })

  it('is false, not an error, for a key that is no point', () => {
    const key = new Uint8Array(32).fill(2)
    expect(verifySignature(key, tags.entry, message, signature)).toBe(false)
  })

  // The list of libsodium's blocklist, each with and without the sign bit that it ignores.
  const smallOrder = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ].flatMap((hex) => [hex, hex.slice(0, 62) + (parseInt(hex.slice(62), 16) | 0x80).toString(16)])
  it.each(smallOrder)('refuses the small-order key %s', (hex) => {
    const key = bytesOf(hex)
    expect(isSoundPublicKey(key)).toBe(false)
    expect(publicKeyOf(peerIdOf(key))).toBeNull()
    expect(parseAuthorId(hex + '00'.repeat(8))).toBeNull()
    // R = the key, s = 0: the "signature" that holds for any message under such a key.
    const forged = new Uint8Array(64)
    forged.set(key)
    expect(verifySignature(key, tags.entry, message, forged)).toBe(false)
  })
})

describe('tags', () => {
  it('are distinct, and none is the beginning of another', () => {
    const all = Object.values(tags).map((tag) => `${tag}\0`)
    expect(new Set(all).size).toBe(all.length)
    for (const tag of all) {
      expect(all.filter((other) => other !== tag && other.startsWith(tag))).toEqual([])
    }
  })

  it('separate hashes of the same bytes', () => {
    const hashes = Object.values(tags).map((tag) => taggedHash(tag, Buffer.from('x')))
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})

describe('peer ids', () => {
  it.each(vectors.peerIds)('known answer $peerId', ({ publicKey, peerId }) => {
    expect(peerIdOf(bytesOf(publicKey))).toBe(peerId)
    expect(toHex(publicKeyOf(peerId) ?? new Uint8Array())).toBe(publicKey)
  })

  it('are those of libp2p, both ways', async () => {
    await fc.assert(
      fc.asyncProperty(seed, async (bytes) => {
        const pair = await generateKeyPairFromSeed('Ed25519', bytes)
        const theirs = peerIdFromPublicKey(pair.publicKey)
        expect(peerIdOf(pair.publicKey.raw)).toBe(theirs.toString())
        expect(publicKeyOf(theirs.toString())).toStrictEqual(new Uint8Array(pair.publicKey.raw))
        expect(peerIdFromString(peerIdOf(pair.publicKey.raw)).equals(theirs)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  const good = peerIdOf(realKey(1).publicKey)
  const bad: [string, string][] = [
    ['nothing', ''],
    ['a character less', good.slice(0, -1)],
    ['a character more', `${good}1`],
    ['a character outside base58', `${good.slice(0, -1)}0`],
    ['white space', ` ${good}`],
    ['a line end', `${good}\n`],
    ['an RSA peer id', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
    ['a CID', 'bafzaajaiaejcbzdibmxyzdjbbehgvizh6g5tikvy47mshdy6gwbruvgwvd24seje'],
    ['a text', 'node1'],
  ]
  it.each(bad)('no key in %s', (_name, text) => {
    expect(publicKeyOf(text)).toBeNull()
  })
})

describe('author ids', () => {
  it('hold the key, its peer id and the incarnation', async () => {
    const incarnation = fc.uint8Array({ minLength: 8, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(seed, incarnation, async (bytes, chosen) => {
        const publicKey = await publicKeyOfSeed(bytes)
        const author = authorIdOf(publicKey, chosen)
        expect(author).toMatch(/^[0-9a-f]{80}$/)
        expect(authorKeyHex(author)).toBe(toHex(publicKey))
        expect(parseAuthorId(author)).toEqual({
          publicKey: new Uint8Array(publicKey),
          peerId: peerIdOf(publicKey),
          incarnation: toHex(chosen),
        })
        expect(authorIdOf(authorBytes(author).slice(0, 32), chosen)).toBe(author)
      }),
      { numRuns: 30 },
    )
  })

  const author = authorIdOf(realKey(1).publicKey, new Uint8Array(8))
  it.each([author.slice(1), `${author}00`, author.toUpperCase(), `${author}\n`, ''])(
    'refuse %j',
    (text) => {
      expect(parseAuthorId(text)).toBeNull()
      expect(() => authorBytes(text)).toThrow(TypeError)
    },
  )

  it('are verified by the same keys as node:crypto makes', () => {
    const pair = generateKeyPairSync('ed25519')
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' })
    const publicKey = new Uint8Array(spki.subarray(-32))
    const signature = sign(null, tagged(tags.entry, Buffer.from('x')), pair.privateKey)
    expect(verifySignature(publicKey, tags.entry, Buffer.from('x'), signature)).toBe(true)
  })
})
