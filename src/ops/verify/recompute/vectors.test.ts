import { expect, it } from 'vitest'
import vectors from '../../../../test/vectors/wire.json' with { type: 'json' }
import { decodeCanonical } from '../../../wire/cbor.ts'
import type { SealProof } from '../../../wire/seal.ts'
import { readCheckpoint } from './checkpoint.ts'
import { CompactRange } from './compact-range.ts'
import { readEntry } from './entry.ts'
import { cbor } from './fields.ts'
import { hexOf } from './hash.ts'
import { keyInPeerId } from './peer-id.ts'
import { readSeal } from './seal.ts'
import { ed25519 } from './signature.ts'
import { leafHash } from './tree.ts'

// The frozen encodings, read by code that did not make them.
const verify = ed25519()
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const publicKey = bytesOf(vectors.publicKey)

it('the key in a peer id', () => {
  expect(keyInPeerId(vectors.peerId)).toBe(vectors.publicKey)
  for (const text of ['', '1', 'node1', vectors.peerId.slice(1), `${vectors.peerId}1`, '0OIl']) {
    expect(keyInPeerId(text)).toBeNull()
  }
  expect(keyInPeerId(vectors.peerId.replace('12D3', '12D4'))).toBeNull()
})

it.each(vectors.entries)('entry: $entry.intent.kind', ({ entry, bytes, id, signature }) => {
  const read = readEntry(bytesOf(bytes))
  expect(read.entry).toEqual(entry)
  expect(read.id).toBe(id)
  expect(verify(publicKey, read.message, bytesOf(signature))).toBe(true)
})

it('checkpoint', () => {
  const { bytes, signature, fields, seals } = vectors.checkpoint
  const { publicKey: key, ...read } = readCheckpoint(bytesOf(bytes), bytesOf(signature), verify)
  expect(hexOf(key)).toBe(vectors.publicKey)
  expect(read).toEqual({
    ...fields,
    frontier: new Map(Object.entries(vectors.frontier.sizes)),
    seals: new Map(Object.entries(seals)),
  })
})

it.each(vectors.seals)('seal: $kind', ({ kind, author, size, bytes }) => {
  const [, first, second] = decodeCanonical(bytesOf(bytes)) as [number, unknown, unknown]
  const signed = ([one, by]: readonly Uint8Array[]) => ({ bytes: one, signature: by })
  const proof =
    kind === 'retirement'
      ? { kind, ...signed([first, second] as Uint8Array[]) }
      : { kind, entries: [first, second].map((pair) => signed(pair as Uint8Array[])) }
  const { lattice } = vectors.checkpoint.fields
  expect(readSeal(proof as SealProof, verify)).toEqual({ lattice, author, size })
})

it('lattice root', () => {
  const rootOf = (size: number): Uint8Array => {
    const range = new CompactRange()
    for (let index = 0; index < size; index += 1) range.append(leafHash(Uint8Array.of(index)))
    return range.root()
  }
  const lattice = new CompactRange()
  const sizes = Object.entries(vectors.frontier.sizes).toSorted(([a], [b]) => (a < b ? -1 : 1))
  for (const [author, size] of sizes) {
    lattice.append(leafHash(cbor([bytesOf(author), size, rootOf(size)])))
  }
  expect(hexOf(lattice.root())).toBe(vectors.frontier.latticeRoot)
})
