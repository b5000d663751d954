import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyHash, logOf, numberedLeaf, numberedLeaves } from './fixture.ts'
import { MerkleLog, emptyRoot, nodeHash, rootOfLeaves } from './index.ts'
import type { Hash } from './index.ts'
import { treeSizeMax } from './limits.ts'
import { mth, path, subproof } from './reference.ts'

// Few distinct hashes among many leaves, so that equal leaves and equal subtrees occur.
const anyLeaf = fc.oneof(anyHash, fc.constantFrom(...numberedLeaves(3)))
const anyLeaves = fc.array(anyLeaf, { maxLength: 300, size: 'max' })
/** At least one leaf, and two sizes, 1 <= oldSize <= size <= number of leaves. */
const anyLog = fc
  .array(anyLeaf, { minLength: 1, maxLength: 300, size: 'max' })
  .chain((leaves) => {
    const anySize = fc.integer({ min: 1, max: leaves.length })
    return fc.tuple(fc.constant(leaves), anySize, anySize)
  })
  .map(([leaves, a, b]) => ({ leaves, oldSize: Math.min(a, b), size: Math.max(a, b) }))

describe('a log is the tree of RFC 6962', () => {
  it('for every size to 70: roots, inclusion and consistency proofs', () => {
    const leaves = numberedLeaves(70)
    const log = logOf(leaves)
    for (let size = 0; size <= leaves.length; size++) {
      const tree = leaves.slice(0, size)
      expect(log.root(size)).toEqual(mth(tree))
      for (let index = 0; index < size; index++) {
        expect(log.inclusionProof(index, size)).toEqual(path(index, tree))
      }
      for (let oldSize = 1; oldSize <= size; oldSize++) {
        expect(log.consistencyProof(oldSize, size)).toEqual(subproof(oldSize, tree, true))
      }
      expect(log.consistencyProof(0, size)).toEqual([])
    }
  })

  it('for any leaves and sizes', () => {
    fc.assert(
      fc.property(anyLog, ({ leaves, oldSize, size }) => {
        const log = logOf(leaves)
        const tree = leaves.slice(0, size)
        const index = oldSize - 1
        expect(log.size).toBe(leaves.length)
        expect(log.root()).toEqual(mth(leaves))
        expect(log.root(size)).toEqual(mth(tree))
        expect(rootOfLeaves(tree)).toEqual(mth(tree))
        expect(log.leaf(index)).toEqual(leaves[index])
        expect(log.inclusionProof(index, size)).toEqual(path(index, tree))
        expect(log.consistencyProof(oldSize, size)).toEqual(subproof(oldSize, tree, true))
      }),
    )
  })

  it('at any size of a large log', () => {
    const leaves = numberedLeaves(5000)
    const log = logOf(leaves)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: leaves.length }), fc.nat(), (size, seed) => {
        const tree = leaves.slice(0, size)
        const index = seed % size
        expect(log.root(size)).toEqual(mth(tree))
        expect(log.inclusionProof(index, size)).toEqual(path(index, tree))
        expect(log.consistencyProof(index + 1, size)).toEqual(subproof(index + 1, tree, true))
      }),
      { numRuns: 30 },
    )
  })
})

describe('a log over time', () => {
  it('keeps the root of every earlier size through later appends', () => {
    fc.assert(
      fc.property(anyLeaves, (leaves) => {
        const log = new MerkleLog()
        const roots = [log.root()]
        for (const leaf of leaves) {
          log.append(leaf)
          roots.push(log.root())
        }
        for (const [size, root] of roots.entries()) expect(log.root(size)).toEqual(root)
      }),
    )
  })

  it('truncated and appended to equals a fresh log of the same leaves', () => {
    fc.assert(
      fc.property(anyLog, anyLeaves, ({ leaves, oldSize: kept }, later) => {
        const log = logOf(leaves)
        log.truncate(kept)
        expect(log.size).toBe(kept)
        expect(log.root()).toEqual(mth(leaves.slice(0, kept)))

        log.appendAll(later)
        const expected = [...leaves.slice(0, kept), ...later]
        const fresh = logOf(expected)
        for (let size = kept; size <= expected.length; size++) {
          expect(log.root(size)).toEqual(fresh.root(size))
          expect(log.leaf(size - 1)).toEqual(expected[size - 1])
          expect(log.inclusionProof(kept - 1, size)).toEqual(fresh.inclusionProof(kept - 1, size))
          expect(log.consistencyProof(kept, size)).toEqual(fresh.consistencyProof(kept, size))
        }
        expect(log.root()).toEqual(mth(expected))
      }),
      { numRuns: 25 },
    )
  })

  it('truncated to nothing is the empty log', () => {
    const log = logOf(numberedLeaves(5))
    log.truncate(0)
    expect(log.size).toBe(0)
    expect(log.root()).toEqual(emptyRoot())
  })

  it('hands out copies: a caller who writes to them changes nothing', () => {
    const leaves = numberedLeaves(6)
    const log = logOf(leaves)
    const expected = logOf(leaves)
    const outputs = [log.root(4), log.root(1), log.leaf(2), rootOfLeaves(leaves.slice(0, 1))]
    const proofs = [log.inclusionProof(3), log.consistencyProof(3, 6)]
    for (const hash of [...outputs, ...proofs.flat()]) hash.fill(0)
    leaves[5]?.fill(0)

    expect(leaves[0]).toEqual(numberedLeaf(0))
    expect(log.root()).toEqual(expected.root())
    expect(log.inclusionProof(2)).toEqual(expected.inclusionProof(2))
  })

  it('keeps what it handed out when it is truncated and appended to', () => {
    const log = logOf(numberedLeaves(4))
    const [leaf, root] = [log.leaf(3), log.root()]
    log.truncate(3)
    log.append(numberedLeaf(99))
    expect(leaf).toEqual(numberedLeaf(3))
    expect(root).toEqual(mth(numberedLeaves(4)))
  })
})

describe('out of range', () => {
  const log = logOf(numberedLeaves(10))
  const notSizes = [-1, 11, 0.5, Number.NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53]

  it.each(notSizes)('tree size %d is refused', (size) => {
    const refusal = new RangeError(
      `Tree size ${size} is out of range: ask for a whole number from 0 to 10.`,
    )
    expect(() => log.root(size)).toThrow(refusal)
    expect(() => log.truncate(size)).toThrow(refusal)
    expect(() => log.inclusionProof(0, size)).toThrow(refusal)
    expect(() => log.consistencyProof(size)).toThrow(refusal)
    expect(() => log.consistencyProof(1, size)).toThrow(refusal)
    expect(log.size).toBe(10)
  })

  it.each([...notSizes, 10])('leaf index %d is refused', (index) => {
    const refusal = new RangeError(
      `Leaf index ${index} is out of range: ask for a whole number from 0 to 9.`,
    )
    expect(() => log.leaf(index)).toThrow(refusal)
    expect(() => log.inclusionProof(index)).toThrow(refusal)
  })

  it('an index is held against the size that was asked for', () => {
    expect(() => log.inclusionProof(4, 4)).toThrow('Leaf index 4 is out of range')
    expect(() => log.consistencyProof(5, 4)).toThrow('Tree size 5 is out of range')
    expect(() => new MerkleLog().inclusionProof(0)).toThrow('the tree has no leaves')
    expect(() => new MerkleLog().leaf(0)).toThrow('the tree has no leaves')
  })

  it.each([0, 31, 33, 64])('a leaf hash of %i bytes is refused, and none is appended', (length) => {
    const wrong = new Uint8Array(length)
    const right = numberedLeaf(0)
    expect(() => log.append(wrong)).toThrow(RangeError)
    expect(() => log.appendAll([right, right, wrong])).toThrow(`this is ${length} bytes`)
    expect(() => nodeHash(right, wrong)).toThrow(RangeError)
    expect(() => nodeHash(wrong, right)).toThrow(RangeError)
    expect(() => rootOfLeaves([wrong])).toThrow(RangeError)
    expect(() => rootOfLeaves([right, wrong])).toThrow(RangeError)
    expect(() => rootOfLeaves([right, right, wrong])).toThrow(RangeError)
    expect(log.size).toBe(10)
    expect(log.root()).toEqual(mth(numberedLeaves(10)))
  })

  it('more leaves than a tree can have are refused before the first is appended', () => {
    const endless = { length: treeSizeMax, [Symbol.iterator]: () => [][Symbol.iterator]() }
    expect(() => log.appendAll(endless as unknown as Hash[])).toThrow('leaves at most')
    expect(log.size).toBe(10)
  })
})
