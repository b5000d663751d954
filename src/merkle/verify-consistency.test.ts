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
import { MerkleLog, emptyRoot, verifyConsistency } from './index.ts'
import type { Hash } from './index.ts'
import { treeSizeMax } from './limits.ts'
import type { Proof } from './reference.ts'
import { impliedRoots } from './reference.ts'

function consistencyClaim(oldSize: number, newSize: number) {
  const [oldRoot, newRoot] = [log.root(oldSize), log.root(newSize)]
  return { oldSize, newSize, oldRoot, newRoot, proof: log.consistencyProof(oldSize, newSize) }
}

const equal = (a: Hash, b: Hash) => Buffer.compare(a, b) === 0

function impliesConsistency(claim: ReturnType<typeof consistencyClaim>): boolean {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim
  if (oldSize > newSize) return false
  const implied = impliedRoots(oldSize, newSize, proof, oldRoot)
  return implied !== undefined && equal(implied.oldRoot, oldRoot) && equal(implied.newRoot, newRoot)
}

const anyConsistency = fc
  .tuple(anySize, anySize)
  .map(([a, b]) => consistencyClaim(Math.min(a, b), Math.max(a, b)))

const everyConsistency = upTo(40).flatMap((newSize) =>
  upTo(newSize)
    .slice(1)
    .map((oldSize) => consistencyClaim(oldSize, newSize)),
)

describe('verifyConsistency', () => {
  it('accepts every proof of a log', () => {
    expect(everyConsistency.filter((claim) => !verifyConsistency(claim))).toEqual([])
    fc.assert(fc.property(anyConsistency, (claim) => verifyConsistency(claim)))
  })

  it('refuses any changed bit of either root or of the proof', () => {
    fc.assert(
      fc.property(anyConsistency, anyBit, (claim, bit) => {
        const changed = [
          { ...claim, oldRoot: flip(claim.oldRoot, bit) },
          { ...claim, newRoot: flip(claim.newRoot, bit) },
          ...proofsWithFlippedBit(claim.proof, bit).map((proof) => ({ ...claim, proof })),
        ]
        expect(changed.filter(verifyConsistency)).toEqual([])
      }),
    )
  })

  it('refuses every other old size', () => {
    const accepted = everyConsistency
      .filter(({ oldSize, newSize }) => oldSize < newSize)
      .flatMap((claim) =>
        upTo(70).filter(
          (oldSize) => oldSize !== claim.oldSize && verifyConsistency({ ...claim, oldSize }),
        ),
      )
    expect(accepted).toEqual([])
  })

  it('refuses every other new size but those in which the path has the same form', () => {
    const changed = everyConsistency.flatMap((claim) =>
      upTo(130).map((newSize) => ({ ...claim, newSize })),
    )
    for (const claim of changed) expect(verifyConsistency(claim)).toBe(impliesConsistency(claim))

    const claim = consistencyClaim(2, 3)
    const verdictAt = (newSize: number) => verifyConsistency({ ...claim, newSize })
    expect(upTo(9).filter(verdictAt)).toEqual([3, 4])
  })

  it('refuses a proof with a hash dropped, added, repeated or moved', () => {
    fc.assert(
      fc.property(anyConsistency, anyHash, (claim, other) => {
        const proofs = misshapen(claim.proof, [claim.oldRoot, claim.newRoot, other])
        expect(proofs.filter((proof) => verifyConsistency({ ...claim, proof }))).toEqual([])
      }),
    )
  })

  it('refuses a history that was rewritten', () => {
    fc.assert(
      fc.property(anySize, anySize, fc.nat(), anyHash, (a, b, n, forgedLeaf) => {
        const [oldSize, newSize] = [Math.min(a, b), Math.max(a, b)]
        const forged = new MerkleLog()
        for (const index of upTo(newSize - 1)) {
          forged.append(index === n % oldSize ? forgedLeaf : log.leaf(index))
        }
        const claim = { ...consistencyClaim(oldSize, newSize), newRoot: forged.root() }
        const proof = forged.consistencyProof(oldSize)
        expect(verifyConsistency(claim)).toBe(false)
        expect(verifyConsistency({ ...claim, proof })).toBe(false)
      }),
    )
  })

  it('takes every tree as an extension of the empty one, with an empty proof', () => {
    const claim = { ...consistencyClaim(0, 0), newRoot: log.root(5), newSize: 5 }
    expect(verifyConsistency(consistencyClaim(0, 0))).toBe(true)
    expect(verifyConsistency(claim)).toBe(true)
    expect(verifyConsistency({ ...claim, proof: [log.root(5)] })).toBe(false)
    expect(verifyConsistency({ ...claim, oldRoot: log.root(1) })).toBe(false)
    expect(verifyConsistency({ ...claim, newSize: 0 })).toBe(false)
    expect(verifyConsistency({ ...claim, newSize: 0, oldRoot: claim.newRoot })).toBe(false)
  })

  it('takes equal sizes for consistent only with equal roots and an empty proof', () => {
    const claim = consistencyClaim(5, 5)
    expect(verifyConsistency(claim)).toBe(true)
    expect(verifyConsistency({ ...claim, proof: [claim.oldRoot] })).toBe(false)
    expect(verifyConsistency({ ...claim, newRoot: log.root(6) })).toBe(false)
  })

  it('agrees with the recursive verifier at sizes to the limit', () => {
    const anyHugeSize = fc.oneof(
      fc.integer({ min: 1, max: treeSizeMax }),
      fc.constantFrom(2 ** 29, 2 ** 30, 2 ** 30 + 1, treeSizeMax - 1, treeSizeMax),
    )
    const hashes = fc.array(anyHash, { minLength: 33, maxLength: 33 })
    fc.assert(
      fc.property(anyHugeSize, anyHugeSize, hashes, (a, b, [oldTree = emptyRoot(), ...rest]) => {
        fc.pre(a !== b)
        const [oldSize, newSize] = [Math.min(a, b), Math.max(a, b)]
        const rootsFor = (proof: Proof) => impliedRoots(oldSize, newSize, proof, oldTree)
        const lengths = upTo(32).filter((length) => rootsFor(rest.slice(0, length)))
        expect(lengths).toHaveLength(1)
        const proof = rest.slice(0, lengths[0])
        const roots = rootsFor(proof) ?? { oldRoot: oldTree, newRoot: oldTree }
        expect(verifyConsistency({ oldSize, newSize, ...roots, proof })).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('refuses whatever is not a claim, and never throws', () => {
    const claim = consistencyClaim(5, 8)
    const hostile: object[] = [
      ...notHashes.flatMap((hash) => [
        { oldRoot: hash },
        { newRoot: hash },
        ...claim.proof.map((_, at) => ({ proof: (claim.proof as unknown[]).with(at, hash) })),
      ]),
      ...notSizes.flatMap((size) => [
        { oldSize: size },
        { newSize: size },
        { oldSize: size, newSize: size },
      ]),
      ...notProofs.map((proof) => ({ proof })),
      { proof: Array.from({ length: 4 }) },
      { proof: Object.assign([], { length: 4 }) },
      { proof: Array.from({ length: 1_000_000 }, () => claim.oldRoot) },
      { oldSize: 9 },
    ]
    const verdicts = hostile.map((fields) => verifyConsistency({ ...claim, ...fields }))
    expect(verdicts.filter((verdict) => verdict)).toEqual([])
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(claim)), fc.anything(), (field, value) => {
        fc.pre(value !== claim[field as keyof typeof claim])
        expect(verifyConsistency({ ...claim, [field]: value })).toBe(false)
      }),
    )
  })
})
