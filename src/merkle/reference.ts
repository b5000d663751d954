import { emptyRoot, nodeHash } from './hash.ts'
import type { Hash } from './hash.ts'

// For tests: the recursive definitions of RFC 6962 §2.1 over leaf hashes, as they stand there, and
// verifiers that follow the same recursion. Nothing here is fast, and nothing shares the room's
// bit arithmetic or its kept hashes.

function split(size: number): number {
  let k = 1
  while (k * 2 < size) k *= 2
  return k
}

export function mth(leaves: readonly Hash[]): Hash {
  const [first] = leaves
  if (first === undefined) return emptyRoot()
  if (leaves.length === 1) return first
  const k = split(leaves.length)
  return nodeHash(mth(leaves.slice(0, k)), mth(leaves.slice(k)))
}

export function path(m: number, leaves: readonly Hash[]): Hash[] {
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m < k ? [...path(m, left), mth(right)] : [...path(m - k, right), mth(left)]
}

export function subproof(m: number, leaves: readonly Hash[], isOldTree: boolean): Hash[] {
  if (m === leaves.length) return isOldTree ? [] : [mth(leaves)]
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m <= k
    ? [...subproof(m, left, isOldTree), mth(right)]
    : [...subproof(m - k, right, false), mth(left)]
}

// The verifiers go down the RFC's splits of the tree, where the room goes up along the bits of an
// index. They say which root or roots a proof implies; undefined when the proof's length is wrong.
export type Proof = readonly Hash[]

export function impliedRoot(
  leaf: Hash,
  index: number,
  size: number,
  proof: Proof,
): Hash | undefined {
  const [rest, last] = [proof.slice(0, -1), proof.at(-1)]
  if (size === 1) return last === undefined ? leaf : undefined
  if (last === undefined) return undefined
  const k = split(size)
  if (index < k) {
    const left = impliedRoot(leaf, index, k, rest)
    return left && nodeHash(left, last)
  }
  const right = impliedRoot(leaf, index - k, size - k, rest)
  return right && nodeHash(last, right)
}

type Roots = { oldRoot: Hash; newRoot: Hash }

/** `oldTree` is the old root, as long as the walk has not left the beginning of the old tree. */
export function impliedRoots(
  m: number,
  n: number,
  proof: Proof,
  oldTree?: Hash,
): Roots | undefined {
  const [rest, last] = [proof.slice(0, -1), proof.at(-1)]
  if (m === n) {
    const start = oldTree ?? last
    if (start === undefined || proof.length !== (oldTree ? 0 : 1)) return undefined
    return { oldRoot: start, newRoot: start }
  }
  if (last === undefined) return undefined
  const k = split(n)
  if (m <= k) {
    const left = impliedRoots(m, k, rest, oldTree)
    return left && { oldRoot: left.oldRoot, newRoot: nodeHash(left.newRoot, last) }
  }
  const right = impliedRoots(m - k, n - k, rest)
  return right && { oldRoot: nodeHash(last, right.oldRoot), newRoot: nodeHash(last, right.newRoot) }
}
