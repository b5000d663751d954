import { emptyRoot, equalHashes, isHash, nodeHash } from './hash.ts'
import type { Hash } from './hash.ts'
import { treeSizeMax } from './limits.ts'

interface InclusionClaim {
  /** The leaf's hash, not its data. */
  leaf: Hash
  index: number
  size: number
  /** From the leaf's sibling up. */
  proof: readonly Hash[]
  root: Hash
}

interface ConsistencyClaim {
  oldSize: number
  newSize: number
  oldRoot: Hash
  newRoot: Hash
  proof: readonly Hash[]
}

/**
 * Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves whose root is
 * `root` (RFC 9162 §2.1.3.2).
 *
 * Never throws, whatever the fields hold, and hashes 31 times at most. `size` must come from whoever
 * vouches for `root` (a signed checkpoint), not from the prover: sizes in which the leaf's path has
 * the same form are indistinguishable to any RFC 6962 verifier.
 */
export function verifyInclusion({ leaf, index, size, proof, root }: InclusionClaim): boolean {
  if (!isHash(leaf) || !isHash(root) || !Array.isArray(proof)) return false
  if (!isTreeSize(size) || !isTreeSize(index) || index >= size) return false

  const sides = siblingSides(index, size - 1)
  if (proof.length !== sides.length) return false

  let hash = leaf
  for (const [level, side] of sides.entries()) {
    const sibling: unknown = proof[level]
    if (!isHash(sibling)) return false
    hash = side === 'left' ? nodeHash(sibling, hash) : nodeHash(hash, sibling)
  }
  return equalHashes(hash, root)
}

/**
 * Whether `proof` shows that the tree (`newSize`, `newRoot`) extends the tree (`oldSize`, `oldRoot`)
 * (RFC 9162 §2.1.4.2).
 *
 * Every tree extends the empty one: for `oldSize` 0 with the empty root the answer is true and says
 * nothing about `newRoot`. Never throws, whatever the fields hold, and hashes 62 times at most. As
 * with inclusion, each size must come from whoever vouches for its root.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim
  if (!isHash(oldRoot) || !isHash(newRoot) || !Array.isArray(proof)) return false
  if (!isTreeSize(oldSize) || !isTreeSize(newSize) || oldSize > newSize) return false

  if (oldSize === 0 && !equalHashes(oldRoot, emptyRoot())) return false
  if (oldSize === newSize) return proof.length === 0 && equalHashes(oldRoot, newRoot)
  if (oldSize === 0) return proof.length === 0

  // The walk starts at the last complete subtree of the old tree. For a power of two that is the old
  // tree itself; otherwise the proof begins with its root.
  const startLevel = trailingZeros(oldSize)
  const node = (oldSize - 1) >>> startLevel
  const sides = siblingSides(node, (newSize - 1) >>> startLevel)
  if (proof.length !== sides.length + (node === 0 ? 0 : 1)) return false

  const [start, ...siblings]: unknown[] = node === 0 ? [oldRoot, ...proof] : [...proof]
  if (!isHash(start)) return false

  let oldHash = start
  let newHash = start
  for (const [level, side] of sides.entries()) {
    const sibling = siblings[level]
    if (!isHash(sibling)) return false
    if (side === 'left') {
      oldHash = nodeHash(sibling, oldHash)
      newHash = nodeHash(sibling, newHash)
    } else {
      newHash = nodeHash(newHash, sibling)
    }
  }
  return equalHashes(oldHash, oldRoot) && equalHashes(newHash, newRoot)
}

type Side = 'left' | 'right'

/**
 * On which side each sibling joins, from `node` up to the root, in a tree whose last node of that
 * level is `lastNode`: RFC 9162's walk over (fn, sn), apart from the hashing. Its length is the
 * length that the proof must have, so that nothing is hashed for a proof of any other.
 */
function siblingSides(node: number, lastNode: number): Side[] {
  const sides: Side[] = []
  while (lastNode > 0) {
    if (node % 2 === 1 || node === lastNode) {
      // A last node without a sibling is carried up unchanged to the level where it has one.
      const carried = trailingZeros(node)
      node >>>= carried
      lastNode >>>= carried
      sides.push('left')
    } else {
      sides.push('right')
    }
    node >>>= 1
    lastNode >>>= 1
  }
  return sides
}

/** How many levels up a positive integer's lowest set bit stands. */
function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value)
}

function isTreeSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= treeSizeMax
}
