import { describe, expect, it } from 'vitest'
import * as node from '../../src/merkle/index.ts'
import { CompactRange } from '../../src/ops/verify/recompute/compact-range.ts'
import { LeafLog } from '../../src/ops/verify/recompute/leaf-log.ts'
import * as own from '../../src/ops/verify/recompute/tree.ts'
import vectors from '../vectors/rfc6962.json' with { type: 'json' }
import { flipped, hex } from './rig.ts'

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))
const rootAt = (size: number): Uint8Array => bytes(vectors.roots[size] ?? '')
const leaves = vectors.leaves.map((data) => own.leafHash(bytes(data)))

describe('known answers of the Certificate Transparency reference, recomputed', () => {
  it.each(vectors.leafHashes)('leaf hash of "$data"', ({ data, hash }) => {
    expect(hex(own.leafHash(bytes(data)))).toBe(hash)
  })

  it.each(vectors.nodeHashes)('node hash $hash', ({ left, right, hash }) => {
    expect(hex(own.parentHash(bytes(left), bytes(right)))).toBe(hash)
  })

  it.each(vectors.roots.entries().toArray())('root at size %i', (size, root) => {
    const range = new CompactRange()
    const log = new LeafLog()
    for (const leaf of leaves.slice(0, size)) range.append(leaf)
    for (const leaf of leaves) log.append(leaf)
    const roots = [own.treeHash(leaves.slice(0, size)), range.root(), log.rootAt(size)]
    expect(roots.map((one) => hex(one ?? new Uint8Array()))).toEqual([root, root, root])
  })

  it.each(vectors.inclusionProofs)('inclusion of $index in $size', ({ index, size, proof }) => {
    expect(own.inclusionProof(index, leaves.slice(0, size)).map(hex)).toEqual(proof)
  })

  it.each(vectors.consistencyProofs)(
    'consistency of $oldSize with $newSize',
    ({ oldSize, newSize, proof }) => {
      expect(own.consistencyProof(oldSize, leaves.slice(0, newSize)).map(hex)).toEqual(proof)
    },
  )
})

const someHash = bytes('abacaba000000000000000000000000000000000000000000060061e00123456')
const emptyRoot = rootAt(0)
const nothing = new Uint8Array()

/** A proof with garbage at either end, a part gone, or a bit flipped: what transparency-dev tries. */
const spoilt = (proof: readonly Uint8Array[], roots: readonly Uint8Array[]): Uint8Array[][] => [
  ...[nothing, ...roots, ...proof.slice(0, 1)].map((hash) => [hash, ...proof]),
  ...[nothing, ...roots].map((hash) => [...proof, hash]),
  ...proof.map((hash, at) => proof.with(at, flipped(hash, 3))),
  ...(proof.length > 0 ? [proof.slice(0, -1)] : []),
  ...(proof.length > 1 ? [[proof[0] ?? nothing, someHash, ...proof.slice(1)]] : []),
]

describe('what the reference’s own tests make of its proofs is refused by both', () => {
  it.each(vectors.inclusionProofs)(
    'inclusion of $index in $size',
    ({ index, size, proof: one }) => {
      const proof = one.map(bytes)
      const claim = { leaf: leaves[index] ?? nothing, index, size, proof, root: rootAt(size) }
      expect([node.verifyInclusion(claim), own.isIncluded(claim)]).toEqual([true, true])
      const lies = [
        ...[index - 1, index + 1, index ^ 2].map((other) => ({ ...claim, index: other })),
        ...[size * 2, Math.floor(size / 2)].map((other) => ({ ...claim, size: other })),
        { ...claim, leaf: new Uint8Array(Buffer.from('WrongLeaf')) },
        ...[emptyRoot, someHash].map((root) => ({ ...claim, root })),
        ...spoilt(proof, [claim.root]).map((other) => ({ ...claim, proof: other })),
      ]
      for (const lie of lies) {
        expect([node.verifyInclusion(lie), own.isIncluded(lie)]).toEqual([false, false])
      }
    },
  )

  it.each(vectors.consistencyProofs.filter(({ proof }) => proof.length > 0))(
    'consistency of $oldSize with $newSize',
    ({ oldSize, newSize, proof: one }) => {
      const proof = one.map(bytes)
      const [oldRoot, newRoot] = [rootAt(oldSize), rootAt(newSize)]
      const claim = { oldSize, newSize, oldRoot, newRoot, proof }
      expect([node.verifyConsistency(claim), own.isConsistent(claim)]).toEqual([true, true])
      const wrong = new Uint8Array(Buffer.from('WrongRoot'))
      const lies = [
        ...[oldSize - 1, oldSize + 1, oldSize ^ 2].map((other) => ({ ...claim, oldSize: other })),
        ...[newSize * 2, Math.floor(newSize / 2)].map((other) => ({ ...claim, newSize: other })),
        { ...claim, oldRoot: wrong },
        { ...claim, newRoot: wrong },
        { ...claim, oldRoot: newRoot, newRoot: oldRoot },
        { ...claim, proof: [] },
        ...spoilt(proof, [oldRoot, newRoot]).map((other) => ({ ...claim, proof: other })),
      ]
      for (const lie of lies) {
        expect([node.verifyConsistency(lie), own.isConsistent(lie)]).toEqual([false, false])
      }
    },
  )

  it.each<[number, number, Uint8Array, Uint8Array, Uint8Array[], boolean]>([
    [0, 0, emptyRoot, emptyRoot, [], true],
    [0, 1, emptyRoot, someHash, [], true],
    [1, 1, someHash, someHash, [], true],
    [0, 0, someHash, someHash, [], false],
    [0, 0, emptyRoot, someHash, [], false],
    [1, 1, emptyRoot, someHash, [], false],
    [1, 0, someHash, emptyRoot, [], false],
    [2, 1, someHash, rootAt(1), [], false],
    [1, 2, rootAt(1), rootAt(2), [], false],
    [0, 0, emptyRoot, emptyRoot, [emptyRoot], false],
    [0, 1, emptyRoot, emptyRoot, [emptyRoot], false],
    [1, 1, emptyRoot, emptyRoot, [emptyRoot], false],
  ])('trivial: %i to %i', (oldSize, newSize, oldRoot, newRoot, proof, expected) => {
    const claim = { oldSize, newSize, oldRoot, newRoot, proof }
    expect([node.verifyConsistency(claim), own.isConsistent(claim)]).toEqual([expected, expected])
  })

  it.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [-1, 1],
    [0.5, 1],
    [0, Number.NaN],
  ])('no leaf %d in a tree of %d', (index, size) => {
    const claim = { leaf: someHash, index, size, proof: [], root: someHash }
    expect([node.verifyInclusion(claim), own.isIncluded(claim)]).toEqual([false, false])
  })
})

it('every proof in every tree of up to 20 leaves is the same, and is believed', () => {
  const many = Array.from({ length: 20 }, (_, number) => own.leafHash(Uint8Array.of(number)))
  const log = new node.MerkleLog()
  log.appendAll(many)
  for (let size = 0; size <= many.length; size += 1) {
    const tree = many.slice(0, size)
    const root = log.root(size)
    expect(hex(own.treeHash(tree))).toBe(hex(root))
    for (let index = 0; index < size; index += 1) {
      const proof = log.inclusionProof(index, size)
      expect(own.inclusionProof(index, tree).map(hex)).toEqual(proof.map(hex))
      expect(own.isIncluded({ leaf: tree[index] ?? nothing, index, size, proof, root })).toBe(true)
    }
    for (let oldSize = 0; oldSize <= size; oldSize += 1) {
      const proof = log.consistencyProof(oldSize, size)
      expect(own.consistencyProof(oldSize, tree).map(hex)).toEqual(proof.map(hex))
      const oldRoot = log.root(oldSize)
      const claim = { oldSize, newSize: size, oldRoot, newRoot: root, proof }
      expect(own.isConsistent(claim)).toBe(true)
    }
  }
})
