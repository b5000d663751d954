import { nodeHash, rootOfLeaves, type Hash } from './hash.ts'

/**
 * The RFC 6962 tree over leaves that change: the same root as `rootOfLeaves` over what they are now. A
 * change costs as many hashes as the tree has levels, once the root is asked for.
 */
export class ChangingTree {
  /** `#levels[0]` are the leaves; above, each pair's hash, and a last odd one carried up. */
  readonly #levels: Hash[][]
  /** Leaves that changed since the root was asked for, some of them more than once. */
  #changed: number[] = []

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
    this.#changed.push(index)
  }

  root(): Hash {
    let changed = this.#changed.length > 1 ? this.#changed.toSorted(ascending) : this.#changed
    let below: Hash[] | undefined
    for (const level of this.#levels) {
      if (below !== undefined) {
        changed = parentsOf(changed)
        for (const index of changed) level[index] = parentOf(below, index)
      }
      below = level
    }
    this.#changed = []
    return rootOfLeaves(below ?? [])
  }
}

const ascending = (a: number, b: number): number => a - b

/** The places above these, which ascend, each once. */
function parentsOf(places: readonly number[]): number[] {
  const parents: number[] = []
  for (const place of places) {
    const parent = place >>> 1
    if (parents.at(-1) !== parent) parents.push(parent)
  }
  return parents
}

function parentOf(below: readonly Hash[], index: number): Hash {
  const [left, right] = [below[2 * index], below[2 * index + 1]]
  if (left === undefined) throw new RangeError(`There is no pair ${index} below.`)
  return right === undefined ? left : nodeHash(left, right)
}
