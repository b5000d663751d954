import { describe, expect, it } from 'vitest'
import { keyOf, makeLattice, realKey } from '../../test/simulation/members.ts'
import vectors from '../../test/vectors/wire.json' with { type: 'json' }
import { leafHash, rootOfLeaves } from '../merkle/index.ts'
import { decodeAttestation, signAttestation, type Attestation } from './attestation.ts'
import { fromHex, toHex } from './bytes.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { decodeCheckpoint, signCheckpoint, type Checkpoint } from './checkpoint.ts'
import { decodeEntry, isSigned, signEntry, type Entry } from './entry.ts'
import { decodeFrontier, encodeFrontier, latticeRoot, type Frontier } from './frontier.ts'
import { latticeIdOf } from './lattice.ts'
import { decodeSyncRequest, encodeFrame, encodeSyncRequest, prefixed, readFrames } from './sync.ts'
import { verifySignature } from './signature.ts'
import { decodeSeal, encodeSeal } from './seal.ts'

/**
 * Encodings as they were when they were first pinned. Logs on disk and peers of another release hold
 * these bytes, so a change here is a change of `WIRE_VERSION`, never of the vectors.
 */
const key = realKey(0)
const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array()
const frontier: Frontier = new Map(Object.entries(vectors.frontier.sizes))
const rootOf = (_author: string, size: number): Uint8Array =>
  rootOfLeaves(Array.from({ length: size }, (_, index) => leafHash(Uint8Array.of(index))))

it('the key of the vectors', () => {
  expect(toHex(key.publicKey)).toBe(vectors.publicKey)
  expect(key.peerId).toBe(vectors.peerId)
  expect(keyOf(makeLattice(1, { isReal: true }), 0).peerId).toBe(vectors.peerId)
})

it.each(vectors.latticeIds)('lattice id of $name', ({ name, genesis, id }) => {
  expect(latticeIdOf(name, new Map(Object.entries(genesis)))).toBe(id)
  expect(latticeIdOf(name, new Map(Object.entries(genesis).toReversed()))).toBe(id)
})

it.each(vectors.entries)('entry: $entry.intent.kind', ({ entry, bytes, id, signature }) => {
  const signed = signEntry(entry as Entry, key.sign)
  expect(toHex(signed.bytes)).toBe(bytes)
  expect(signed.id).toBe(id)
  expect(toHex(signed.signature)).toBe(signature)
  const decoded = decodeEntry(bytesOf(bytes), bytesOf(signature))
  expect(decoded.entry).toEqual(entry)
  expect(isSigned(decoded, verifySignature)).toBe(true)
})

it.each(vectors.seals)('seal: $kind', ({ kind, author, size, bytes }) => {
  const seal = decodeSeal(decodeCanonical(bytesOf(bytes)), verifySignature)
  expect(seal).toMatchObject({ author, size, proof: { kind } })
  expect(toHex(encodeCanonical(encodeSeal(seal)))).toBe(bytes)
})

it('frontier and lattice root', () => {
  const bytes = encodeCanonical(encodeFrontier(frontier))
  expect(toHex(bytes)).toBe(vectors.frontier.bytes)
  expect(decodeFrontier(decodeCanonical(bytes))).toEqual(frontier)
  expect(toHex(latticeRoot(frontier, rootOf))).toBe(vectors.frontier.latticeRoot)
})

describe('signed statements', () => {
  const checkpoint: Checkpoint = {
    ...vectors.checkpoint.fields,
    publicKey: key.publicKey,
    frontier,
    seals: new Map(Object.entries(vectors.checkpoint.seals)),
  }
  const attestation: Attestation = {
    ...vectors.attestation.fields,
    publicKey: key.publicKey,
    frontier,
    cut: { frontier, root: vectors.attestation.cutRoot },
  }

  it('checkpoint', () => {
    const signed = signCheckpoint(checkpoint, key.sign)
    expect(toHex(signed.bytes)).toBe(vectors.checkpoint.bytes)
    expect(toHex(signed.signature)).toBe(vectors.checkpoint.signature)
    const { bytes, signature } = vectors.checkpoint
    const decoded = decodeCheckpoint(bytesOf(bytes), bytesOf(signature), verifySignature)
    expect(decoded.checkpoint).toEqual(checkpoint)
  })

  it('attestation', () => {
    const signed = signAttestation(attestation, key.sign)
    expect(toHex(signed.bytes)).toBe(vectors.attestation.bytes)
    expect(toHex(signed.signature)).toBe(vectors.attestation.signature)
    const { bytes, signature } = vectors.attestation
    const decoded = decodeAttestation(bytesOf(bytes), bytesOf(signature), verifySignature)
    expect(decoded.attestation).toEqual(attestation)
  })

  it('sync request', () => {
    const request = {
      lattice: checkpoint.lattice,
      frontier,
      seals: checkpoint.seals,
      checkpoint: signCheckpoint(checkpoint, key.sign),
    }
    expect(toHex(encodeSyncRequest(request))).toBe(vectors.syncRequest)
    const decoded = decodeSyncRequest(bytesOf(vectors.syncRequest), verifySignature)
    expect(decoded.frontier).toEqual(frontier)
    expect(decoded.checkpoint?.peerId).toBe(key.peerId)
  })

  it('sync answer', async () => {
    const entries = vectors.entries.map(({ entry }) => signEntry(entry as Entry, key.sign))
    const frames = [
      encodeFrame({ kind: 'checkpoint', checkpoint: signCheckpoint(checkpoint, key.sign) }),
      encodeFrame({
        kind: 'seals',
        seals: vectors.seals.map(({ bytes }) =>
          decodeSeal(decodeCanonical(bytesOf(bytes)), verifySignature),
        ),
      }),
      encodeFrame({ kind: 'entries', entries }),
      encodeFrame({ kind: 'end', entryCount: entries.length }),
    ]
    expect(toHex(Buffer.concat(frames.map(prefixed)))).toBe(vectors.syncAnswer)
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield bytesOf(vectors.syncAnswer)
    }
    const kinds: string[] = []
    for await (const frame of readFrames(chunks(), verifySignature)) kinds.push(frame.kind)
    expect(kinds).toEqual(['checkpoint', 'seals', 'entries', 'end'])
  })
})
