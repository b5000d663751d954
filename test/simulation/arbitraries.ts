import * as fc from 'fast-check'
import type { Frontier } from '../../src/wire/frontier.ts'
import { isAccountName, type Intent } from '../../src/wire/intent.ts'
import { AMOUNT_MAX } from '../../src/wire/limits.ts'
import type { Seals } from '../../src/wire/seal.ts'

/** Values of the wire's data model, for properties. */
export const accountName = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('Alice', 'Bob', 'Carol', 'Dora', 'constructor') },
  {
    weight: 1,
    arbitrary: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .map((text) => text.normalize('NFC'))
      .filter(isAccountName),
  },
  {
    weight: 1,
    arbitrary: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.@-]{0,63}$/).filter(isAccountName),
  },
)

export const amount = fc.oneof(
  fc.integer({ min: 1, max: 1500 }),
  fc.integer({ min: 1, max: AMOUNT_MAX }),
)

export const note = fc
  .string({ unit: fc.constantFrom('a', 'Z', '0', ' ', 'ö', '{', '}', ':', ',', ';', '//', '😀') })
  .filter((text) => text.length <= 20)

export const transfer = fc
  .record({ kind: fc.constant('transfer' as const), from: accountName, to: accountName, amount })
  .filter(({ from, to }) => from !== to)

export const intent: fc.Arbitrary<Intent> = fc.oneof(
  { weight: 4, arbitrary: transfer },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('issue' as const), to: accountName, amount }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('noop' as const), note }) },
)

export const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
export const hexOf = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((value) => Buffer.from(value).toString('hex'))

/** Authors out of a small pool, so that two frontiers have some in common. */
export const author = fc.integer({ min: 0, max: 7 }).map((number) => `${number}`.padStart(80, 'a'))

export const frontier: fc.Arbitrary<Frontier> = fc
  .array(fc.tuple(author, fc.integer({ min: 1, max: 5 })), { maxLength: 8 })
  .map((pairs) => new Map(pairs))

/** Ends of logs: unlike in a frontier, at 0 too. */
export const seals: fc.Arbitrary<Seals> = fc
  .array(fc.tuple(author, fc.integer({ min: 0, max: 5 })), { maxLength: 4 })
  .map((pairs) => new Map(pairs))
