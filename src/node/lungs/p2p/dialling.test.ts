import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dialRoleOf, dialWaitMs } from './dialling.ts'
import { timing } from './lattice.fixture.ts'

const somewhere = ['/ip4/127.0.0.1/tcp/1']

describe('who dials', () => {
  test.each([
    ['always', somewhere, 'b', 'dialler'],
    ['always', somewhere, '0', 'dialler'],
    ['never', somewhere, 'b', 'listener'],
    ['by-id', somewhere, 'b', 'dialler'],
    ['by-id', somewhere, '0', 'standby'],
    ['always', [], 'b', 'listener'],
    ['by-id', [], 'b', 'listener'],
  ] as const)(
    'a, told %s with addresses %j, towards %s is %s',
    (dial, multiaddrs, peerId, role) => {
      expect(dialRoleOf('a', { peerId, multiaddrs, dial })).toBe(role)
    },
  )

  test('by id, exactly one of a pair', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        fc.pre(one !== other)
        const role = (self: string, peerId: string) =>
          dialRoleOf(self, { peerId, multiaddrs: somewhere, dial: 'by-id' })
        expect([role(one, other), role(other, one)].toSorted()).toEqual(['dialler', 'standby'])
      }),
    )
  })
})

describe('the wait before a round of dials', () => {
  test.each([
    ['dialler', 0, 50],
    ['standby', 0, 5000],
    ['dialler', 1, 100],
    ['dialler', 2, 150],
    ['dialler', 3, 225],
    ['dialler', 5, 500],
    ['dialler', 1_000_000, 500],
    ['standby', 1, 100],
  ] as const)('of a %s after %i failed rounds is %i ms', (role, failedRounds, waitMs) => {
    expect(dialWaitMs(role, failedRounds, 0.5, timing)).toBeCloseTo(waitMs)
  })

  test('jitters by a fifth and never leaves its bounds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (rounds, unit) => {
          const waitMs = dialWaitMs('dialler', rounds, unit, timing)
          const middleMs = dialWaitMs('dialler', rounds, 0.5, timing)
          expect(waitMs).toBeGreaterThanOrEqual(middleMs * 0.799)
          expect(waitMs).toBeLessThanOrEqual(middleMs * 1.201)
          expect(waitMs).toBeLessThanOrEqual(600)
          expect(waitMs).toBeGreaterThanOrEqual(80)
        },
      ),
    )
  })
})
