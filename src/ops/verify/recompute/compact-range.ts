import { sha256 } from './hash.ts'
import { parentHash } from './tree.ts'

/**
 * The root of a growing RFC 6962 tree, from the roots of the complete subtrees that its leaves fall
 * into: one for each binary digit of its size, the largest first. It forgets the leaves, so a tree of a
 * million takes 20 hashes of memory; what it can tell is the root of now, not of any earlier size.
 */
export class CompactRange {
  readonly #subtrees: { size: number; root: Uint8Array }[] = []
  #size = 0

  /** A tree of `size` leaves by the roots of its complete subtrees, the largest first; null for another number of them. */
  static of(size: number, roots: readonly Uint8Array[]): CompactRange | null {
    const range = new CompactRange()
    for (const root of roots) {
      const rest = size - range.#size
      if (rest === 0) return null
      let largest = 1
      while (2 * largest <= rest) largest *= 2
      range.#subtrees.push({ size: largest, root })
      range.#size += largest
    }
    return range.#size === size ? range : null
  }

  get size(): number {
    return this.#size
  }

  append(leaf: Uint8Array): void {
    let grown = { size: 1, root: leaf }
    for (;;) {
      const last = this.#subtrees.at(-1)
      if (last?.size !== grown.size) break
      this.#subtrees.pop()
      grown = { size: 2 * grown.size, root: parentHash(last.root, grown.root) }
    }
    this.#subtrees.push(grown)
    this.#size += 1
  }

  root(): Uint8Array {
    const [smallest, ...larger] = this.#subtrees.toReversed()
    if (smallest === undefined) return sha256()
    return larger.reduce((right, { root }) => parentHash(root, right), smallest.root)
  }
}
