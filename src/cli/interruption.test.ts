import { expect, it } from 'vitest'
import { interruptions, REPEAT_MS } from './interruption.ts'

it.each([
  ['one', [0], ['stop']],
  ['one that a whole group of processes was sent', [0, 1, 30], ['stop', 'ignore', 'ignore']],
  ['a second by hand', [0, REPEAT_MS], ['stop', 'leave']],
  ['told again, then by hand', [5, 6, 5 + REPEAT_MS], ['stop', 'ignore', 'leave']],
  ['a third', [0, REPEAT_MS, REPEAT_MS + 1], ['stop', 'leave', 'leave']],
])('%s', (_name, times, reactions) => {
  const react = interruptions()
  expect(times.map(react)).toEqual(reactions)
})
