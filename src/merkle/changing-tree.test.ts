import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { ChangingTree } from './changing-tree.ts'
import { leafHash, rootOfLeaves } from './hash.ts'

const leafOf = (number: number): Uint8Array => leafHash(Uint8Array.of(number))

it('has the root of what its leaves are now, after any changes', () => {
  const change = fc.oneof(
    fc.record({ place: fc.nat(), number: fc.nat(255) }),
    fc.constant('ask' as const),
  )
  fc.assert(
    fc.property(fc.nat(70), fc.array(change, { maxLength: 30 }), (size, changes) => {
      const leaves = Array.from({ length: size }, (_, index) => leafOf(index))
      const tree = new ChangingTree(leaves)
      for (const one of changes) {
        if (one === 'ask') expect(tree.root()).toEqual(rootOfLeaves(leaves))
        else if (size > 0) {
          leaves[one.place % size] = leafOf(one.number)
          tree.set(one.place % size, leafOf(one.number))
        }
      }
      expect(tree.root()).toEqual(rootOfLeaves(leaves))
    }),
  )
})

it('refuses a leaf that is not there', () => {
  expect(() => new ChangingTree([leafOf(1)]).set(1, leafOf(2))).toThrow(RangeError)
  expect(() => new ChangingTree([]).set(0, leafOf(2))).toThrow(RangeError)
})
