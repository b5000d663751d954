import { describe, expect, it } from 'vitest'
import vectors from '../../test/vectors/rfc6962.json' with { type: 'json' }
import {
  MerkleLog,
  emptyRoot,
  leafHash,
  nodeHash,
  rootOfLeaves,
  verifyConsistency,
  verifyInclusion,
} from './index.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const hex = (hash: Uint8Array) => Buffer.from(hash).toString('hex')
const rootAt = (size: number) => bytes(vectors.roots[size] ?? '')

const leafHashes = vectors.leaves.map((data) => leafHash(bytes(data)))
const log = new MerkleLog()
log.appendAll(leafHashes)

describe('known answers of the Certificate Transparency reference', () => {
  it('are complete', () => {
    expect(vectors.leaves).toHaveLength(8)
    expect(vectors.roots).toHaveLength(9)
    expect(vectors.inclusionProofs).toHaveLength(5)
    expect(vectors.consistencyProofs).toHaveLength(5)
  })

  it.each(vectors.leafHashes)('leaf hash of "$data"', ({ data, hash }) => {
    expect(hex(leafHash(bytes(data)))).toBe(hash)
  })

  it.each(vectors.nodeHashes)('node hash $hash', ({ left, right, hash }) => {
    expect(hex(nodeHash(bytes(left), bytes(right)))).toBe(hash)
  })

  it('empty root', () => {
    expect(hex(emptyRoot())).toBe(vectors.roots[0])
  })

  it.each(vectors.roots.entries().toArray())('root at size %i', (size, root) => {
    expect(hex(log.root(size))).toBe(root)
    expect(hex(rootOfLeaves(leafHashes.slice(0, size)))).toBe(root)
  })

  it.each(vectors.inclusionProofs)('inclusion of $index in $size', ({ index, size, proof }) => {
    expect(log.inclusionProof(index, size).map(hex)).toEqual(proof)
    const leaf = log.leaf(index)
    const claim = { leaf, index, size, proof: proof.map(bytes), root: rootAt(size) }
    expect(verifyInclusion(claim)).toBe(true)
  })

  it.each(vectors.consistencyProofs)(
    'consistency of $oldSize with $newSize',
    ({ oldSize, newSize, proof }) => {
      expect(log.consistencyProof(oldSize, newSize).map(hex)).toEqual(proof)
      const roots = { oldRoot: rootAt(oldSize), newRoot: rootAt(newSize) }
      expect(verifyConsistency({ oldSize, newSize, ...roots, proof: proof.map(bytes) })).toBe(true)
    },
  )
})
