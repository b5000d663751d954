import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  anyBit,
  anyHash,
  anySize,
  flip,
  log,
  misshapen,
  notHashes,
  notProofs,
  notSizes,
  proofsWithFlippedBit,
  upTo,
} from './fixture.ts'
import { emptyRoot, leafHash, nodeHash, verifyInclusion } from './index.ts'
import { treeSizeMax } from './limits.ts'
import { impliedRoot } from './reference.ts'

function inclusionClaim(index: number, size: number) {
  const [leaf, root] = [log.leaf(index), log.root(size)]
  return { leaf, index, size, proof: log.inclusionProof(index, size), root }
}

function impliesInclusion(claim: ReturnType<typeof inclusionClaim>): boolean {
  const { leaf, index, size, proof, root } = claim
  if (index >= size) return false
  const implied = impliedRoot(leaf, index, size, proof)
  return implied !== undefined && Buffer.compare(implied, root) === 0
}

const anyInclusion = fc.tuple(anySize, fc.nat()).map(([size, n]) => inclusionClaim(n % size, size))

const everyInclusion = upTo(40).flatMap((size) =>
  upTo(size - 1).map((index) => inclusionClaim(index, size)),
)

describe('verifyInclusion', () => {
  it('accepts every proof of a log', () => {
    expect(everyInclusion.filter((claim) => !verifyInclusion(claim))).toEqual([])
    fc.assert(fc.property(anyInclusion, (claim) => verifyInclusion(claim)))
  })

  it('refuses any changed bit of leaf, root or proof', () => {
    fc.assert(
      fc.property(anyInclusion, anyBit, (claim, bit) => {
        const changed = [
          { ...claim, leaf: flip(claim.leaf, bit) },
          { ...claim, root: flip(claim.root, bit) },
          ...proofsWithFlippedBit(claim.proof, bit).map((proof) => ({ ...claim, proof })),
        ]
        expect(changed.filter(verifyInclusion)).toEqual([])
      }),
    )
  })

  it('refuses every other index', () => {
    const accepted = everyInclusion.flatMap((claim) =>
      upTo(130).filter((index) => index !== claim.index && verifyInclusion({ ...claim, index })),
    )
    expect(accepted).toEqual([])
  })

  it('refuses every other size but those in which the path of the leaf has the same form', () => {
    const changed = everyInclusion.flatMap((claim) => upTo(130).map((size) => ({ ...claim, size })))
    for (const claim of changed) expect(verifyInclusion(claim)).toBe(impliesInclusion(claim))

    const { proof, root, leaf } = inclusionClaim(0, 3)
    const verdictAt = (size: number) => verifyInclusion({ leaf, index: 0, size, proof, root })
    expect(upTo(9).filter(verdictAt)).toEqual([3, 4])
  })

  it('refuses a proof with a hash dropped, added, repeated or moved', () => {
    fc.assert(
      fc.property(anyInclusion, anyHash, (claim, other) => {
        const proofs = misshapen(claim.proof, [claim.leaf, claim.root, other])
        expect(proofs.filter((proof) => verifyInclusion({ ...claim, proof }))).toEqual([])
      }),
    )
  })

  it('does not take an inner node for a leaf', () => {
    const { proof, root } = inclusionClaim(0, 8)
    const [sibling = emptyRoot(), ...rest] = proof
    const leaf = nodeHash(log.leaf(0), sibling)
    expect(verifyInclusion({ leaf, index: 0, size: 4, proof: rest, root })).toBe(true)
    expect(verifyInclusion({ leaf, index: 0, size: 8, proof: rest, root })).toBe(false)
    const data = new Uint8Array([...log.leaf(0), ...sibling])
    const forged = { leaf: leafHash(data), index: 0, size: 4, proof: rest, root }
    expect(verifyInclusion(forged)).toBe(false)
  })

  it('agrees with the recursive verifier at sizes to the limit', () => {
    const anyHugeSize = fc.oneof(
      fc.integer({ min: 1, max: treeSizeMax }),
      fc.constantFrom(2 ** 30, 2 ** 30 + 1, treeSizeMax - 1, treeSizeMax),
    )
    const siblings = fc.array(anyHash, { minLength: 31, maxLength: 31 })
    fc.assert(
      fc.property(anyHugeSize, fc.nat(), anyHash, siblings, (size, n, leaf, hashes) => {
        const index = n % size
        const lengths = upTo(31).filter((length) =>
          impliedRoot(leaf, index, size, hashes.slice(0, length)),
        )
        expect(lengths).toHaveLength(1)
        const proof = hashes.slice(0, lengths[0])
        const root = impliedRoot(leaf, index, size, proof) ?? emptyRoot()
        expect(verifyInclusion({ leaf, index, size, proof, root })).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('refuses whatever is not a claim, and never throws', () => {
    const claim = inclusionClaim(5, 8)
    const hostile: object[] = [
      ...notHashes.flatMap((leaf) => [
        { leaf },
        { root: leaf },
        ...claim.proof.map((_, at) => ({ proof: (claim.proof as unknown[]).with(at, leaf) })),
      ]),
      ...notSizes.flatMap((size) => [{ size }, { index: size }, { index: size, size }]),
      ...notProofs.map((proof) => ({ proof })),
      { proof: Array.from({ length: 3 }) },
      { proof: Object.assign([], { length: 3 }) },
      { proof: Array.from({ length: 1_000_000 }, () => claim.leaf) },
      { index: 0, size: 0, proof: [], root: emptyRoot() },
      { index: 8 },
    ]
    const verdicts = hostile.map((fields) => verifyInclusion({ ...claim, ...fields }))
    expect(verdicts.filter((verdict) => verdict)).toEqual([])
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(claim)), fc.anything(), (field, value) => {
        fc.pre(value !== claim[field as keyof typeof claim])
        expect(verifyInclusion({ ...claim, [field]: value })).toBe(false)
      }),
    )
  })
})
