import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frontier, hexOf, seals } from '../../test/simulation/arbitraries.ts'
import { realKey } from '../../test/simulation/members.ts'
import { authorOf, decodeAttestation, signAttestation, type Attestation } from './attestation.ts'
import { authorIdOf } from './author.ts'
import { decodeCanonical, encodeCanonical, WireError, type Cbor } from './cbor.ts'
import { decodeCheckpoint, signCheckpoint, type Checkpoint } from './checkpoint.ts'
import { SYNC_REQUEST_BYTES_MAX } from './limits.ts'
import { tags, verifySignature, type Tag } from './signature.ts'

const key = realKey(1)
const other = realKey(2)

const anyCheckpoint: fc.Arbitrary<Checkpoint> = fc.record({
  lattice: hexOf(32),
  publicKey: fc.constant(key.publicKey),
  incarnation: hexOf(8),
  frontier,
  seals,
  root: hexOf(32),
  stateRoot: hexOf(32),
  clockFloor: fc.maxSafeNat(),
  wallMs: fc.maxSafeNat(),
})

const anyAttestation: fc.Arbitrary<Attestation> = fc.record({
  nonce: hexOf(16),
  lattice: hexOf(32),
  publicKey: fc.constant(key.publicKey),
  name: fc.string({ unit: 'grapheme', maxLength: 20 }),
  instance: hexOf(8),
  incarnation: hexOf(8),
  dataLocation: hexOf(32),
  release: fc.string({ maxLength: 20 }),
  configDigest: hexOf(32),
  frontier,
  root: hexOf(32),
  stateRoot: hexOf(32),
  cut: fc.option(fc.record({ frontier, root: hexOf(32) })),
  receivedMs: fc.maxSafeNat(),
  sentMs: fc.maxSafeNat(),
})

const [checkpoint] = fc.sample(anyCheckpoint, { numRuns: 1, seed: 1 }) as [Checkpoint]
const [attestation] = fc.sample(anyAttestation, { numRuns: 1, seed: 1 }) as [Attestation]

/** Both kinds of statement, since the same must hold for them. */
const statements = [
  {
    name: 'checkpoint',
    tag: tags.checkpoint,
    signed: signCheckpoint(checkpoint, key.sign),
    decode: decodeCheckpoint,
    fieldCount: 10,
  },
  {
    name: 'attestation',
    tag: tags.attestation,
    signed: signAttestation(attestation, key.sign),
    decode: decodeAttestation,
    fieldCount: 16,
  },
] as const

it('checkpoints round trip', () => {
  fc.assert(
    fc.property(anyCheckpoint, (one) => {
      const signed = signCheckpoint(one, key.sign)
      expect(signed.peerId).toBe(key.peerId)
      expect(decodeCheckpoint(signed.bytes, signed.signature, verifySignature)).toEqual(signed)
    }),
  )
})

it('attestations round trip, and name the author that the node writes as', () => {
  fc.assert(
    fc.property(anyAttestation, (one) => {
      const signed = signAttestation(one, key.sign)
      expect(decodeAttestation(signed.bytes, signed.signature, verifySignature)).toEqual(signed)
      const incarnation = Buffer.from(one.incarnation, 'hex')
      expect(authorOf(one)).toBe(authorIdOf(key.publicKey, incarnation))
    }),
  )
})

describe.each(statements)('a $name', ({ tag, signed, decode, fieldCount }) => {
  const attempt = (bytes: Uint8Array, signature: Uint8Array): string => {
    try {
      decode(bytes, signature, verifySignature)
      return 'accepted'
    } catch (error) {
      if (error instanceof WireError) return error.code
      throw error
    }
  }
  const resigned = (value: Cbor, as: Tag = tag): string => {
    const bytes = encodeCanonical(value)
    return attempt(bytes, key.sign(as, bytes))
  }
  const fields = decodeCanonical(signed.bytes) as readonly Cbor[]

  it('is taken as it was signed, however often it is read', () => {
    expect(attempt(signed.bytes, signed.signature)).toBe('accepted')
    expect(resigned(fields)).toBe('accepted')
  })

  it('is refused after any change of one bit', () => {
    for (let bit = 0; bit < signed.bytes.length * 8; bit += 1) {
      const bytes = new Uint8Array(signed.bytes)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(attempt(bytes, signed.signature), `bit ${bit}`).not.toBe('accepted')
    }
    for (let bit = 0; bit < 512; bit += 1) {
      const signature = new Uint8Array(signed.signature)
      signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(attempt(signed.bytes, signature)).toBe('bad-signature')
    }
  })

  it('is refused when it is signed by another key or for another purpose', () => {
    expect(attempt(signed.bytes, other.sign(tag, signed.bytes))).toBe('bad-signature')
    for (const wrong of Object.values(tags).filter((one) => one !== tag)) {
      expect(resigned(fields, wrong)).toBe('bad-signature')
    }
  })

  it('is refused with a field less, a field more or another version, though it is signed', () => {
    expect(fields).toHaveLength(fieldCount)
    expect(resigned(fields.slice(0, -1))).toBe('malformed')
    expect(resigned([...fields, 0])).toBe('malformed')
    expect(resigned([2, ...fields.slice(1)])).toBe('wrong-version')
    expect(resigned(7)).toBe('malformed')
    expect(resigned([])).toBe('malformed')
  })

  it('is refused with any field of another type, though it is signed', () => {
    for (let index = 1; index < fields.length; index += 1) {
      for (const wrong of [-1, true, [[1, 2, 3]]] as Cbor[]) {
        expect(resigned(fields.with(index, wrong)), `field ${index}`).toBe('malformed')
      }
    }
  })

  it('is refused with a signature of another length', () => {
    expect(attempt(signed.bytes, signed.signature.slice(1))).toBe('malformed')
    expect(attempt(signed.bytes, new Uint8Array())).toBe('malformed')
  })

  it('is refused when it is cut off anywhere', () => {
    for (let length = 0; length < signed.bytes.length; length += 1) {
      expect(attempt(signed.bytes.slice(0, length), signed.signature)).toBe('malformed')
    }
  })
})

it('a checkpoint larger than a sync request is refused before it is read', () => {
  expect(() =>
    decodeCheckpoint(
      new Uint8Array(SYNC_REQUEST_BYTES_MAX + 1),
      new Uint8Array(64),
      verifySignature,
    ),
  ).toThrow(expect.objectContaining({ code: 'too-large' }))
})

it('a checkpoint under a key of small order is refused', () => {
  const weak = new Uint8Array(32)
  weak[0] = 1
  const signature = new Uint8Array(64)
  signature.set(weak)
  const { bytes } = signCheckpoint({ ...checkpoint, publicKey: weak }, () => signature)
  expect(() => decodeCheckpoint(bytes, signature, verifySignature)).toThrow(
    expect.objectContaining({ code: 'bad-signature' }),
  )
})
