import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { intent } from '../../test/simulation/arbitraries.ts'
import {
  formatIntent,
  IntentError,
  isAccountName,
  isAmount,
  isNote,
  parseIntents,
  type Intent,
} from './intent.ts'
import {
  ACCOUNT_CHARS_MAX,
  AMOUNT_MAX,
  INTENT_CHARS_MAX,
  INTENTS_PER_SUBMISSION_MAX,
  NOTE_CHARS_MAX,
} from './limits.ts'

function errorOf(text: string): IntentError {
  try {
    parseIntents(text)
  } catch (error) {
    if (error instanceof IntentError) return error
    throw error
  }
  throw new Error(`accepted: ${text}`)
}

describe('intents', () => {
  it('the example of the documents', () => {
    expect(parseIntents('intent transfer { from: Alice, to: Bob, amount: 100 }')).toEqual([
      { kind: 'transfer', from: 'Alice', to: 'Bob', amount: 100 },
    ])
  })

  it('format and parse back, several in a text', () => {
    const many = fc.array(intent, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(many, fc.constantFrom(' ', '\n', '\r\n\r\n', '\t', ' // next\n'), (all, gap) => {
        expect(parseIntents(all.map(formatIntent).join(gap))).toEqual(all)
      }),
    )
  })

  const accepted: [string, string, Intent][] = [
    ['no white space', 'intent transfer{from:A,to:B,amount:1}', transferOf('A', 'B', 1)],
    ['fields in another order', 'intent transfer{amount:1,to:B,from:A}', transferOf('A', 'B', 1)],
    [
      'a comma at the end',
      'intent issue { to: A, amount: 1, }',
      { kind: 'issue', to: 'A', amount: 1 },
    ],
    ['semicolons', 'intent issue { to: A; amount: 1; }', { kind: 'issue', to: 'A', amount: 1 }],
    [
      'quoted names',
      'intent issue { to: "A", amount: "1" }',
      { kind: 'issue', to: 'A', amount: 1 },
    ],
    ['leading zeros', 'intent issue { to: A, amount: 007 }', { kind: 'issue', to: 'A', amount: 7 }],
    [
      'a comment',
      '// pay\nintent issue { // who\n to: A, amount: 1 }',
      { kind: 'issue', to: 'A', amount: 1 },
    ],
    ['no note', 'intent noop { }', { kind: 'noop', note: '' }],
    [
      'a note of marks',
      'intent noop { note: "a { b }, c: // d" }',
      { kind: 'noop', note: 'a { b }, c: // d' },
    ],
    [
      'a name that a list of accounts would inherit',
      'intent issue { to: constructor, amount: 1 }',
      { kind: 'issue', to: 'constructor', amount: 1 },
    ],
    [
      'a name with marks',
      'intent issue { to: a.b-c_d@e, amount: 1 }',
      { kind: 'issue', to: 'a.b-c_d@e', amount: 1 },
    ],
    [
      'a name in another script',
      'intent issue { to: João-東京, amount: 1 }',
      { kind: 'issue', to: 'João-東京', amount: 1 },
    ],
    [
      'the largest amount',
      `intent issue { to: A, amount: ${AMOUNT_MAX} }`,
      { kind: 'issue', to: 'A', amount: AMOUNT_MAX },
    ],
  ]
  it.each(accepted)('with %s', (_name, text, expected) => {
    expect(parseIntents(text)).toEqual([expected])
  })

  it('as many as may be submitted at once', () => {
    const text = 'intent noop { }\n'.repeat(INTENTS_PER_SUBMISSION_MAX)
    expect(parseIntents(text)).toHaveLength(INTENTS_PER_SUBMISSION_MAX)
  })
})

describe('a text that is none', () => {
  /** text, line, column, message, hint */
  const table: [string, number, number, RegExp, RegExp][] = [
    ['', 1, 1, /no intent/, /intent transfer/],
    ['   \n // nothing\n', 3, 1, /no intent/, /intent transfer/],
    ['transfer { }', 1, 1, /expected "intent", found "transfer"/, /intent transfer/],
    ['intent', 1, 7, /unknown intent the end of the text/, /issue, transfer, noop/],
    ['intent burn { }', 1, 8, /unknown intent "burn"/, /issue, transfer, noop/],
    ['intent constructor { }', 1, 8, /unknown intent "constructor"/, /issue, transfer, noop/],
    ['intent noop', 1, 12, /expected "\{", found the end/, /intent transfer/],
    ['intent noop {', 1, 14, /not closed/, /add "\}"/],
    ['intent noop { note: "a"', 1, 24, /expected "," or "\}", found the end/, /intent/],
    ['intent noop { note: "a', 1, 21, /unexpected "\\""/, /intent/],
    ['intent noop { note: "a\nb" }', 1, 21, /unexpected "\\""/, /intent/],
    ['intent noop { note: "\u0007" }', 1, 21, /control characters/, /at most 64/],
    [`intent noop { note: "${'x'.repeat(NOTE_CHARS_MAX + 1)}" }`, 1, 21, /too long/, /at most 64/],
    ['intent noop { memo: x }', 1, 15, /unknown field "memo"/, /noop takes note/],
    ['intent issue { to: A }', 1, 22, /issue lacks amount/, /intent transfer/],
    ['intent transfer { }', 1, 19, /transfer lacks from, to, amount/, /intent transfer/],
    ['intent issue { to: A, to: B, amount: 1 }', 1, 23, /to stands twice/, /once/],
    ['intent issue { to A, amount: 1 }', 1, 19, /expected ":", found "A"/, /intent transfer/],
    ['intent issue { to: , amount: 1 }', 1, 20, /to has no value/, /intent transfer/],
    ['intent issue { to:', 1, 19, /to has no value/, /intent transfer/],
    ['intent issue { to: A amount: 1 }', 1, 22, /expected "," or "\}", found "amount"/, /intent/],
    ['intent issue { to: A, amount: -1 }', 1, 31, /"-1" is not a whole number/, /minor units/],
    ['intent issue { to: A, amount: 1.5 }', 1, 31, /"1.5" is not a whole/, /minor units/],
    ['intent issue { to: A, amount: 1e3 }', 1, 31, /"1e3" is not a whole/, /minor units/],
    ['intent issue { to: A, amount: ٣ }', 1, 31, /is not a whole/, /minor units/],
    ['intent issue { to: A, amount: "" }', 1, 31, /"" is not a whole/, /minor units/],
    ['intent issue { to: A, amount: 0 }', 1, 31, /0 is out of range/, /1 to 1000000000000000/],
    [`intent issue { to: A, amount: ${AMOUNT_MAX + 1} }`, 1, 31, /out of range/, /1 to/],
    [`intent issue { to: A, amount: ${'9'.repeat(400)} }`, 1, 31, /out of range/, /1 to/],
    ['intent issue { to: 1A, amount: 1 }', 1, 20, /"1A" cannot name an account/, /letters first/],
    ['intent issue { to: "", amount: 1 }', 1, 20, /"" cannot name an account/, /letters first/],
    ['intent issue { to: A/B, amount: 1 }', 1, 20, /"A\/B" cannot name/, /letters first/],
    ['intent issue { to: __proto__, amount: 1 }', 1, 20, /cannot name/, /letters first/],
    ['intent issue { to: Jose\u0301, amount: 1 }', 1, 20, /cannot name/, /letters first/],
    [
      `intent issue { to: ${'a'.repeat(ACCOUNT_CHARS_MAX + 1)}, amount: 1 }`,
      1,
      20,
      /cannot name/,
      /letters/,
    ],
    ['intent transfer { from: A, to: A, amount: 1 }', 1, 17, /A cannot transfer to itself/, /two/],
    [
      'intent noop { }\nintent noop { }\n\n  oops',
      4,
      3,
      /expected "intent", found "oops"/,
      /intent/,
    ],
    ['intent noop { }\r\n}', 2, 1, /expected "intent", found "\}"/, /intent/],
    ['<script>alert(1)</script>', 1, 1, /expected "intent"/, /intent/],
    ['{"code": "intent"}', 1, 1, /expected "intent", found "\{"/, /intent/],
  ]
  it.each(table)('%j', (text, line, column, message, hint) => {
    const error = errorOf(text)
    expect({ line: error.line, column: error.column }).toEqual({ line, column })
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(new RegExp(`^line ${line}, column ${column}: `))
    expect(error.hint).toMatch(hint)
  })

  it('more than may be submitted at once', () => {
    const text = 'intent noop { }\n'.repeat(INTENTS_PER_SUBMISSION_MAX + 1)
    expect(errorOf(text).message).toContain('too many intents')
  })

  it('longer than the limit', () => {
    expect(errorOf(' '.repeat(INTENT_CHARS_MAX + 1)).hint).toContain('fewer')
  })

  it('whatever it is, is an IntentError with a place inside the text', () => {
    const pieces = fc.oneof(
      fc.constantFrom('intent', 'transfer', 'noop', 'issue', 'from', 'to', 'amount', 'note'),
      fc.constantFrom('{', '}', ':', ',', ';', '"', '//', '\n', ' '),
      fc.constantFrom('Alice', '1', '-1', '\u0000', '😀', '\uD800'),
    )
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 })), { maxLength: 25 }),
        (all) => {
          const text = all.join('')
          let error: unknown = null
          try {
            for (const one of parseIntents(text)) expect(formatIntent(one)).toMatch(/^intent /)
          } catch (thrown) {
            error = thrown
          }
          if (error === null) return
          expect(error).toBeInstanceOf(IntentError)
          const { line, column, hint } = error as IntentError
          const lines = text.split('\n')
          expect(line).toBeGreaterThanOrEqual(1)
          expect(line).toBeLessThanOrEqual(lines.length)
          expect(column).toBeGreaterThanOrEqual(1)
          expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1)
          expect(hint).not.toBe('')
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('names, amounts and notes', () => {
  it('no name takes part in the syntax', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (name) => {
        expect(isAccountName(name) && /[\s{}:,;"/]|\p{Cc}/u.test(name)).toBe(false)
      }),
      { numRuns: 1000 },
    )
    const marks = Array.from(' \t\n{}:,;"/\\\'\u0000\u2028\u202E')
    expect(marks.filter((mark) => isAccountName(`a${mark}b`))).toEqual([])
  })

  it.each([0, -1, 1.5, AMOUNT_MAX + 1, Number.NaN, Number.POSITIVE_INFINITY])(
    'no amount: %d',
    (value) => {
      expect(isAmount(value)).toBe(false)
    },
  )

  it('notes are printable and short', () => {
    expect(isNote('')).toBe(true)
    expect(isNote('x'.repeat(NOTE_CHARS_MAX))).toBe(true)
    expect(isNote('x'.repeat(NOTE_CHARS_MAX + 1))).toBe(false)
    expect(isNote('a\u0085b')).toBe(false)
  })
})

function transferOf(from: string, to: string, amount: number): Intent {
  return { kind: 'transfer', from, to, amount }
}
