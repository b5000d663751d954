import { assertHash, emptyRoot, rightEdge } from './hash.ts'
import type { Hash } from './hash.ts'
import { HashColumn } from './hash-column.ts'
import { hashBytes, treeSizeMax } from './limits.ts'

/**
 * An append-only RFC 6962 log of leaf hashes, in memory.
 *
 * It keeps the root of every complete subtree (2 hashes, 64 bytes, a leaf), which no later append
 * can change. So an append hashes once on average, and roots and proofs at any earlier size are
 * put together from what is kept, with O(log² n) hashes at most.
 */
export class MerkleLog {
  /** `#levels[k]` holds the roots of the complete subtrees of 2^k leaves; `#levels[0]` the leaves. */
  readonly #levels: HashColumn[] = []
  #size = 0

  /** Number of leaves. */
  get size(): number {
    return this.#size
  }

  /** @throws RangeError when `leafHash` is not 32 bytes, or the log is full; nothing is appended. */
  append(leafHash: Hash): void {
    assertHash(leafHash)
    this.#assertRoom(1)
    this.#append(leafHash)
  }

  /** Appends all in this order, or throws as `append` does and appends none. */
  appendAll(leafHashes: readonly Hash[]): void {
    for (const leafHash of leafHashes) assertHash(leafHash)
    this.#assertRoom(leafHashes.length)
    for (const leafHash of leafHashes) this.#append(leafHash)
  }

  /**
   * Appends leaf hashes that stand one behind the other in one piece of memory, as `leaves` gave them.
   * @throws RangeError when they are not whole, or too many; nothing is appended.
   */
  appendPacked(leafHashes: Uint8Array): void {
    const count = leafHashes.length / hashBytes
    if (!Number.isInteger(count) || count > treeSizeMax - this.#size) {
      throw new RangeError(`${leafHashes.length} bytes are no leaf hashes that fit into this log.`)
    }
    for (let offset = 0; offset < leafHashes.length; offset += hashBytes) {
      this.#append(leafHashes.subarray(offset, offset + hashBytes))
    }
  }

  /**
   * The leaf hashes `from` to `to`, one behind the other.
   * @throws RangeError unless `0 <= from <= to <= size`.
   */
  leaves(from: number, to: number): Uint8Array {
    checkSize(to, this.#size)
    checkSize(from, to)
    return this.#level(0).slice(from, to)
  }

  /** @throws RangeError unless `0 <= index < size`. */
  leaf(index: number): Hash {
    checkIndex(index, this.#size)
    return this.#level(0).read(index)
  }

  /**
   * The root over the first `size` leaves; over all of them by default.
   * @throws RangeError unless `0 <= size <= this.size`.
   */
  root(size: number = this.#size): Hash {
    checkSize(size, this.#size)
    return size === 0 ? emptyRoot() : this.#subtreeRoot(0, size)
  }

  /**
   * The inclusion proof of the leaf at `index` in the tree of `size` leaves, from the leaf's sibling
   * up (RFC 6962 §2.1.1, PATH).
   * @throws RangeError unless `0 <= index < size <= this.size`.
   */
  inclusionProof(index: number, size: number = this.#size): Hash[] {
    checkSize(size, this.#size)
    checkIndex(index, size)

    const proof: Hash[] = []
    let begin = 0
    let end = size
    while (end - begin > 1) {
      const middle = begin + leftSubtreeSize(end - begin)
      if (index < middle) {
        proof.push(this.#subtreeRoot(middle, end))
        end = middle
      } else {
        proof.push(this.#subtreeRoot(begin, middle))
        begin = middle
      }
    }
    return proof.toReversed()
  }

  /**
   * The proof that the tree of `newSize` leaves extends the one of `oldSize` (RFC 6962 §2.1.2,
   * PROOF). Empty when `oldSize` is 0 or `newSize`: then there is nothing to prove.
   * @throws RangeError unless `0 <= oldSize <= newSize <= this.size`.
   */
  consistencyProof(oldSize: number, newSize: number = this.#size): Hash[] {
    checkSize(newSize, this.#size)
    checkSize(oldSize, newSize)
    if (oldSize === 0) return []

    const proof: Hash[] = []
    let begin = 0
    let end = newSize
    while (end !== oldSize) {
      const middle = begin + leftSubtreeSize(end - begin)
      if (oldSize <= middle) {
        proof.push(this.#subtreeRoot(middle, end))
        end = middle
      } else {
        proof.push(this.#subtreeRoot(begin, middle))
        begin = middle
      }
    }
    // A subtree that begins at 0 is the old tree itself, whose root the verifier has.
    if (begin > 0) proof.push(this.#subtreeRoot(begin, end))
    return proof.toReversed()
  }

  /**
   * Forgets the leaves from `size` on. The memory is kept for later appends.
   * @throws RangeError unless `0 <= size <= this.size`.
   */
  truncate(size: number): void {
    checkSize(size, this.#size)
    this.#size = size
  }

  /**
   * The root over leaves `begin` to `end`, which must be a subtree that the RFC's splits reach from
   * (0, some size): then a count that is a power of two is a complete subtree, and kept.
   */
  #subtreeRoot(begin: number, end: number): Hash {
    let count = lowestBit(end - begin)
    let from = end - count
    const last = this.#level(levelOf(count))
    if (from === begin) return last.read(from / count)
    // To the left stand ever larger complete subtrees, each of which is joined with all to its right.
    last.beginEdge(from / count)
    while (from > begin) {
      count = lowestBit(from - begin)
      from -= count
      this.#level(levelOf(count)).joinEdge(from / count)
    }
    return rightEdge.root()
  }

  #assertRoom(count: number): void {
    if (count > treeSizeMax - this.#size) {
      throw new RangeError(`A log holds ${treeSizeMax} leaves at most; this one has ${this.#size}.`)
    }
  }

  #append(leafHash: Hash): void {
    let index = this.#size
    this.#level(0).write(index, leafHash)
    for (let level = 1; index % 2 === 1; level++) {
      index >>>= 1
      this.#level(level).writeParent(index, this.#level(level - 1))
    }
    this.#size += 1
  }

  #level(level: number): HashColumn {
    return (this.#levels[level] ??= new HashColumn())
  }
}

/** The largest power of two smaller than `size`, for `size` of 2 or more. */
function leftSubtreeSize(size: number): number {
  return 1 << (31 - Math.clz32(size - 1))
}

/** The largest power of two that divides `count`. */
const lowestBit = (count: number): number => (count & -count) >>> 0

/** The level that holds the roots of subtrees of so many leaves, a power of two. */
const levelOf = (count: number): number => 31 - Math.clz32(count)

function checkSize(size: number, sizeMax: number): void {
  if (Number.isInteger(size) && size >= 0 && size <= sizeMax) return
  throw new RangeError(
    `Tree size ${size} is out of range: ask for a whole number from 0 to ${sizeMax}.`,
  )
}

function checkIndex(index: number, size: number): void {
  if (Number.isInteger(index) && index >= 0 && index < size) return
  const hint =
    size === 0 ? 'the tree has no leaves.' : `ask for a whole number from 0 to ${size - 1}.`
  throw new RangeError(`Leaf index ${index} is out of range: ${hint}`)
}
