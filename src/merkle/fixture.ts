import * as fc from 'fast-check'
import { MerkleLog, leafHash } from './index.ts'
import type { Hash } from './index.ts'
import type { Proof } from './reference.ts'

// For tests: logs of distinct leaves, and every way in which a claim about one can be wrong.

export const numberedLeaf = (n: number) => leafHash(new Uint8Array(Buffer.from(`leaf ${n}`)))
export const numberedLeaves = (count: number) =>
  Array.from({ length: count }, (_, n) => numberedLeaf(n))

export function logOf(leaves: readonly Hash[]): MerkleLog {
  const log = new MerkleLog()
  log.appendAll(leaves)
  return log
}

const sizeMax = 140

/** The log that claims are made about; its leaves are distinct. */
export const log = logOf(numberedLeaves(sizeMax))

export const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 })
export const anyBit = fc.nat({ max: 255 })
export const anySize = fc.integer({ min: 1, max: sizeMax })

/** 0 to `last`. */
export const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, n) => n)

export function flip(hash: Hash, bit: number): Hash {
  const flipped = new Uint8Array(hash)
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return flipped
}

/** The proof with one bit changed in each of its hashes in turn. */
export const proofsWithFlippedBit = (proof: Proof, bit: number) =>
  proof.map((hash, at) => proof.with(at, flip(hash, bit)))

/** The proof with one hash dropped, repeated, or put in from elsewhere, or in the wrong order. */
export function misshapen(proof: Proof, others: readonly Hash[]): Proof[] {
  const added = upTo(proof.length).flatMap((at) =>
    [...others, ...proof].map((hash) => proof.toSpliced(at, 0, hash)),
  )
  const dropped = proof.map((_, at) => proof.toSpliced(at, 1))
  return [...added, ...dropped, ...(proof.length > 1 ? [proof.toReversed()] : [])]
}

export const notHashes: unknown[] = [
  undefined,
  null,
  '',
  'a'.repeat(32),
  32,
  {},
  { length: 32 },
  Array.from({ length: 32 }, () => 0),
  new Uint8Array(0),
  new Uint8Array(31),
  new Uint8Array(33),
  new Uint16Array(32),
  new ArrayBuffer(32),
]
// Among them numbers that 32-bit arithmetic would fold onto the size or index of a valid claim.
export const notSizes: unknown[] = [
  2 ** 31,
  2 ** 32,
  2 ** 32 + 5,
  2 ** 32 + 8,
  2 ** 53 - 1,
  2 ** 53 + 8,
  1e300,
  Infinity,
  -Infinity,
  Number.NaN,
  -1,
  0.5,
  7.5,
  '5',
  '8',
  5n,
  8n,
  null,
  undefined,
  true,
  {},
  [8],
]
export const notProofs: unknown[] = [
  undefined,
  null,
  '',
  'abc',
  3,
  {},
  { length: 3 },
  new Uint8Array(32),
]
