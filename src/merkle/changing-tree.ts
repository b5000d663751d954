import { nodeHash, rootOfLeaves, type Hash } from './hash.ts'

/**
 * The RFC 6962 tree over leaves that change: the same root as `rootOfLeaves` over what they are now. A
 * change costs as many hashes as the tree has levels, once the root is asked for.
 */
export class ChangingTree {
  /** `#levels[0]` are the leaves; above, each pair's hash, and a last odd one carried up. */
  readonly #levels: Hash[][]
  readonly #changed = new Set<number>()

  constructor(leafHashes: readonly Hash[]) {
    this.#levels = [[...leafHashes]]
    for (let level = this.#levels[0]; level !== undefined && level.length > 1;) {
      const below = level
      level = Array.from({ length: Math.ceil(below.length / 2) }, (_, index) =>
        parentOf(below, index),
      )
      this.#levels.push(level)
    }
  }

  /** @throws RangeError when there is no such leaf. */
  set(index: number, leafHash: Hash): void {
    const [leaves] = this.#levels
    if (leaves?.[index] === undefined) throw new RangeError(`There is no leaf ${index} to change.`)
    leaves[index] = leafHash
    this.#changed.add(index)
  }

  root(): Hash {
    let changed: ReadonlySet<number> = this.#changed
    for (const [number, level] of this.#levels.entries()) {
      const below = this.#levels[number - 1]
      if (below === undefined) continue
      changed = new Set([...changed].map((index) => index >>> 1))
      for (const index of changed) level[index] = parentOf(below, index)
    }
    this.#changed.clear()
    return rootOfLeaves(this.#levels.at(-1) ?? [])
  }
}

function parentOf(below: readonly Hash[], index: number): Hash {
  const [left, right] = [below[2 * index], below[2 * index + 1]]
  if (left === undefined) throw new RangeError(`There is no pair ${index} below.`)
  return right === undefined ? left : nodeHash(left, right)
}
