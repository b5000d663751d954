import { hash as digest } from 'node:crypto'
import { hashBytes } from './limits.ts'

/** A SHA-256 hash, 32 bytes. Every hash this room returns is a copy that belongs to the caller. */
export type Hash = Uint8Array

// The prefixes separate the two domains: no leaf's data can pass for an inner node (RFC 6962 §2.1).
const leafPrefix = 0x00
const nodePrefix = 0x01

// Scratch memory for one synchronous hash at a time; nothing in it outlives the call that wrote it.
const nodeInput = Buffer.alloc(1 + 2 * hashBytes, nodePrefix)
const nodeOutput = Buffer.alloc(hashBytes)
const rightAt = 1 + hashBytes
/** By length of the leaf's data, for short ones. */
const leafInputs: Buffer[] = []
const leafInputMax = 256

/** The root of the tree without leaves: SHA-256 of the empty string. */
export function emptyRoot(): Hash {
  return sha256(new Uint8Array())
}

/** The hash of a leaf: SHA-256 of 0x00 and `data`. */
export function leafHash(data: Uint8Array): Hash {
  const input = leafInput(data.length)
  input.set(data, 1)
  return sha256(input)
}

function leafInput(length: number): Buffer {
  if (length > leafInputMax) return Buffer.alloc(1 + length, leafPrefix)
  return (leafInputs[length] ??= Buffer.alloc(1 + length, leafPrefix))
}

/**
 * The hash of an inner node: SHA-256 of 0x01, `left` and `right`.
 * @throws RangeError when a child is not 32 bytes.
 */
export function nodeHash(left: Hash, right: Hash): Hash {
  assertHash(left)
  assertHash(right)
  nodeInput.set(left, 1)
  nodeInput.set(right, rightAt)
  return sha256(nodeInput)
}

/**
 * The root of the tree over these leaf hashes, in this order; `emptyRoot()` for none. Hashes are
 * paired level by level and a last odd one is carried up, which builds the tree of RFC 6962.
 * @throws RangeError when a leaf hash is not 32 bytes.
 */
export function rootOfLeaves(leafHashes: readonly Hash[]): Hash {
  let level = leafHashes
  while (level.length > 1) level = parentsOf(level)

  const [root] = level
  if (root === undefined) return emptyRoot()
  assertHash(root)
  return new Uint8Array(root)
}

function parentsOf(level: readonly Hash[]): Hash[] {
  const parents: Hash[] = []
  let left: Hash | undefined
  for (const hash of level) {
    if (left === undefined) {
      left = hash
    } else {
      parents.push(nodeHash(left, hash))
      left = undefined
    }
  }
  if (left !== undefined) parents.push(left)
  return parents
}

/** Hashes the two siblings that stand side by side at `from`, and writes their parent at `to`. */
export function hashSiblings(siblings: Buffer, from: number, parents: Buffer, to: number): void {
  siblings.copy(nodeInput, 1, from, from + 2 * hashBytes)
  sha256Into(parents, to, nodeInput)
}

/**
 * A hash that is joined again and again with one to its left, in place: the right edge of a tree, from
 * below. Begun, joined and taken in one go, since there is one place for all.
 */
export const rightEdge = {
  /** With the hash that stands at `from`. */
  begin(hashes: Buffer, from: number): void {
    hashes.copy(nodeInput, rightAt, from, from + hashBytes)
  },

  /** With the left sibling that stands at `from`. */
  join(lefts: Buffer, from: number): void {
    lefts.copy(nodeInput, 1, from, from + hashBytes)
    sha256Into(nodeInput, rightAt, nodeInput)
  },

  root: (): Hash => new Uint8Array(nodeInput.subarray(rightAt)),
}

export function isHash(value: unknown): value is Hash {
  return value instanceof Uint8Array && value.length === hashBytes
}

export function assertHash(value: unknown): asserts value is Hash {
  if (isHash(value)) return
  const found = value instanceof Uint8Array ? `${value.length} bytes` : typeof value
  throw new RangeError(
    `A Merkle hash is a Uint8Array of ${hashBytes} bytes, but this is ${found}: ` +
      'pass data through leafHash() first.',
  )
}

export function equalHashes(a: Hash, b: Hash): boolean {
  return Buffer.compare(a, b) === 0
}

function sha256(input: Uint8Array): Hash {
  sha256Into(nodeOutput, 0, input)
  return new Uint8Array(nodeOutput)
}

// The digest comes as a binary string: 'buffer' allocates an ArrayBuffer outside V8's heap for each
// digest and takes two to three times as long.
function sha256Into(target: Buffer, offset: number, input: Uint8Array): void {
  target.write(digest('sha256', input, 'binary'), offset, 'binary')
}
