import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { ChangingTree } from './changing-tree.ts'
import { leafHash, rootOfLeaves } from './hash.ts'

const leafOf = (number: number): Uint8Array => leafHash(Uint8Array.of(number))

it('has the root of what its leaves are now, after any changes', () => {
  const change = fc.record({ place: fc.nat(), number: fc.nat(255) })
  const round = fc.array(change, { maxLength: 6 })
  fc.assert(
    fc.property(fc.nat(70), fc.array(round, { maxLength: 6 }), (size, rounds) => {
      const leaves = Array.from({ length: size }, (_, index) => leafOf(index))
      const tree = new ChangingTree(leaves)
      expect(tree.root()).toEqual(rootOfLeaves(leaves))
      for (const changes of rounds) {
        for (const { place, number } of size === 0 ? [] : changes) {
          leaves[place % size] = leafOf(number)
          tree.set(place % size, leafOf(number))
        }
        expect(tree.root()).toEqual(rootOfLeaves(leaves))
      }
    }),
  )
})

it('refuses a leaf that is not there', () => {
  expect(() => new ChangingTree([leafOf(1)]).set(1, leafOf(2))).toThrow(RangeError)
  expect(() => new ChangingTree([]).set(0, leafOf(2))).toThrow(RangeError)
})
