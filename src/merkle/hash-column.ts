import { hashSiblings, rightEdge } from './hash.ts'
import type { Hash } from './hash.ts'
import { hashBytes } from './limits.ts'

const initialHashes = 16

/** A growable array of hashes in one piece of memory, 32 bytes each: one level of a log's tree. */
export class HashColumn {
  #bytes = Buffer.alloc(initialHashes * hashBytes)

  read(index: number): Hash {
    const offset = index * hashBytes
    return new Uint8Array(this.#bytes.subarray(offset, offset + hashBytes))
  }

  /** The right edge begins with the hash at `index`. */
  beginEdge(index: number): void {
    rightEdge.begin(this.#bytes, index * hashBytes)
  }

  /** The hash at `index` is the next to the left of the right edge. */
  joinEdge(index: number): void {
    rightEdge.join(this.#bytes, index * hashBytes)
  }

  /** A copy of the hashes `from` to `to`, one behind the other. */
  slice(from: number, to: number): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(from * hashBytes, to * hashBytes))
  }

  write(index: number, hash: Hash): void {
    this.#reserve(index)
    this.#bytes.set(hash, index * hashBytes)
  }

  /** Writes at `index` the parent of the level below's hashes `2 * index` and `2 * index + 1`. */
  writeParent(index: number, below: HashColumn): void {
    this.#reserve(index)
    hashSiblings(below.#bytes, 2 * index * hashBytes, this.#bytes, index * hashBytes)
  }

  #reserve(index: number): void {
    if ((index + 1) * hashBytes <= this.#bytes.length) return
    const grown = Buffer.alloc(2 * this.#bytes.length)
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}
