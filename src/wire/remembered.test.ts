import { expect, it } from 'vitest'
import { REMEMBERED_MAX } from './limits.ts'
import { remembered } from './remembered.ts'

it('makes each thing once, and nothing again that it could not make', () => {
  const asked: string[] = []
  const lengthOf = remembered((text) => {
    asked.push(text)
    return text === '' ? null : { length: text.length }
  })
  expect(lengthOf('abc')).toEqual({ length: 3 })
  expect(lengthOf('abc')).toBe(lengthOf('abc'))
  expect([lengthOf(''), lengthOf('')]).toEqual([null, null])
  expect(asked).toEqual(['abc', '', ''])
})

it('does not remember more than its bound', () => {
  let made = 0
  const numberOf = remembered(() => ++made)
  for (let count = 0; count <= REMEMBERED_MAX; count++) numberOf(String(count))
  expect(made).toBe(REMEMBERED_MAX + 1)
  expect(numberOf(String(REMEMBERED_MAX))).toBe(made)
  numberOf('0')
  expect(made).toBe(REMEMBERED_MAX + 2)
})
