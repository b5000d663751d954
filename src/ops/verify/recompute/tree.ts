import { sha256 } from './hash.ts'

/**
 * RFC 6962 §2.1 as it stands there: every definition by splitting the tree at the largest power of two
 * below its size. The makers take all leaf hashes; the verifiers follow the same splits over a proof.
 */
export const leafHash = (data: Uint8Array): Buffer => sha256(Uint8Array.of(0), data)

export const parentHash = (left: Uint8Array, right: Uint8Array): Buffer =>
  sha256(Uint8Array.of(1), left, right)

type Hashes = readonly Uint8Array[]

/** The largest power of two below `size`, which is 2 or more. */
function splitOf(size: number): number {
  let split = 1
  while (2 * split < size) split *= 2
  return split
}

/** MTH(D[n]). */
export function treeHash(leaves: Hashes): Uint8Array {
  const [first] = leaves
  if (first === undefined) return sha256()
  if (leaves.length === 1) return first
  const split = splitOf(leaves.length)
  return parentHash(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}

/** PATH(m, D[n]), from the leaf's sibling up. */
export function inclusionProof(index: number, leaves: Hashes): Uint8Array[] {
  if (leaves.length <= 1) return []
  const split = splitOf(leaves.length)
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  return index < split
    ? [...inclusionProof(index, left), treeHash(right)]
    : [...inclusionProof(index - split, right), treeHash(left)]
}

/** PROOF(m, D[n]); empty for m = 0, of which the RFC says nothing. */
export const consistencyProof = (oldSize: number, leaves: Hashes): Uint8Array[] =>
  oldSize === 0 ? [] : subproof(oldSize, leaves, true)

/** SUBPROOF(m, D[n], b). */
function subproof(oldSize: number, leaves: Hashes, isOldTree: boolean): Uint8Array[] {
  if (oldSize === leaves.length) return isOldTree ? [] : [treeHash(leaves)]
  const split = splitOf(leaves.length)
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  return oldSize <= split
    ? [...subproof(oldSize, left, isOldTree), treeHash(right)]
    : [...subproof(oldSize - split, right, false), treeHash(left)]
}

/** A claim that `leaf` (a leaf's hash) stands at `index` of the tree of `size` leaves under `root`. */
interface Inclusion {
  leaf: Uint8Array
  index: number
  size: number
  proof: Hashes
  root: Uint8Array
}

export function isIncluded({ leaf, index, size, proof, root }: Inclusion): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || ![leaf, root, ...proof].every(isHash)) {
    return false
  }
  const implied = rootBy(proof, leaf, index, size)
  return implied !== null && areEqual(implied, root)
}

/** The root that a proof implies for a leaf; null when it is too long or too short. */
function rootBy(proof: Hashes, leaf: Uint8Array, index: number, size: number): Uint8Array | null {
  const last = proof.at(-1)
  if (size === 1) return last === undefined ? leaf : null
  if (last === undefined) return null
  const rest = proof.slice(0, -1)
  const split = splitOf(size)
  const half =
    index < split
      ? rootBy(rest, leaf, index, split)
      : rootBy(rest, leaf, index - split, size - split)
  if (half === null) return null
  return index < split ? parentHash(half, last) : parentHash(last, half)
}

/** A claim that the tree of `newSize` leaves under `newRoot` begins with the older one. */
interface Consistency {
  oldSize: number
  oldRoot: Uint8Array
  newSize: number
  newRoot: Uint8Array
  proof: Hashes
}

/** From the empty tree every tree follows: that claim takes no proof and says nothing. */
export function isConsistent(claim: Consistency): boolean {
  const { oldSize, oldRoot, newSize, newRoot, proof } = claim
  if (!isCount(oldSize) || !isCount(newSize) || oldSize > newSize) return false
  if (![oldRoot, newRoot, ...proof].every(isHash)) return false
  if (oldSize === 0 && !areEqual(oldRoot, sha256())) return false
  if (oldSize === 0 && newSize > 0) return proof.length === 0
  if (oldSize === newSize) return proof.length === 0 && areEqual(oldRoot, newRoot)
  const implied = rootsBy(proof, oldSize, newSize, oldRoot)
  return implied !== null && areEqual(implied.old, oldRoot) && areEqual(implied.new, newRoot)
}

/** `oldTree`: the root of the part in question when that is the old tree itself, else null. */
function rootsBy(
  proof: Hashes,
  oldSize: number,
  newSize: number,
  oldTree: Uint8Array | null,
): { old: Uint8Array; new: Uint8Array } | null {
  const last = proof.at(-1)
  if (oldSize === newSize) {
    const same = oldTree ?? last
    const isWhole = proof.length === (oldTree === null ? 1 : 0)
    return same !== undefined && isWhole ? { old: same, new: same } : null
  }
  if (last === undefined) return null
  const rest = proof.slice(0, -1)
  const split = splitOf(newSize)
  if (oldSize <= split) {
    const left = rootsBy(rest, oldSize, split, oldTree)
    return left && { old: left.old, new: parentHash(left.new, last) }
  }
  const right = rootsBy(rest, oldSize - split, newSize - split, null)
  return right && { old: parentHash(last, right.old), new: parentHash(last, right.new) }
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const isHash = (value: Uint8Array): boolean => value.length === 32
const areEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
