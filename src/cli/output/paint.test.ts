import { expect, it } from 'vitest'
import { paintFor, paintOf, plain } from './paint.ts'

it('colours one text, also as a callback', () => {
  const paint = paintOf(1)
  expect(['a', 'b'].map(paint.good)).toEqual(['\u001b[32ma\u001b[39m', '\u001b[32mb\u001b[39m'])
  expect(['a', 'b'].map(paint.faint)).toEqual(['\u001b[2ma\u001b[22m', '\u001b[2mb\u001b[22m'])
})

it('is plain where there are no colours, or none are wanted', () => {
  expect(paintOf(0)).toBe(plain)
  expect(paintFor('stdout', { NO_COLOR: '1' })).toBe(plain)
  expect(paintFor('stderr', { NO_COLOR: 'false' })).toBe(plain)
})
