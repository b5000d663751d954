import { parseEnv } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { variables } from '../../wire/settings.ts'
import { isShown, variableChanges } from './plan-variables.ts'

const names = [...Object.values(variables).map((one) => one.name), 'HTTP_PROXY', '__proto__', 'x']
const value = fc.oneof(
  fc.stringMatching(/^[a-z0-9,:/= ]{0,20}$/),
  fc.array(fc.constantFrom('a', 'b', 'c')).map((items) => items.join(',')),
)
const environment = fc.dictionary(fc.constantFrom(...names), value)
const envOf = (all: Record<string, string>): string =>
  Object.entries(all)
    .map(([name, text]) => `${name}='${text}'\n`)
    .join('')
const read = (text: string): Map<string, string | undefined> =>
  new Map(Object.entries(parseEnv(text)))

describe('the difference of two .env files', () => {
  it('applied to the one gives the other, but for values that are not shown', () => {
    fc.assert(
      fc.property(environment, environment, (old, next) => {
        const [from, to] = [envOf(old), envOf(next)]
        const patched = read(from)
        for (const { name, change, to: becomes } of variableChanges(from, to)) {
          if (change === 'removed') patched.delete(name)
          else patched.set(name, becomes ?? read(to).get(name))
        }
        expect(patched).toEqual(read(to))
      }),
    )
  })

  it('of lists, applied to the items of the one, gives those of the other', () => {
    const list = fc.array(fc.constantFrom('a', 'b', 'c', 'd'))
    fc.assert(
      fc.property(list, list, (old, next) => {
        const [from, to] = [old, next].map((items) => `AETHEL_P2P_LISTEN=${items.join(',')}\n`)
        const [change] = variableChanges(from ?? '', to ?? '')
        const { added, removed } = change?.items ?? { added: [], removed: [] }
        const left = [...old]
        for (const item of removed) left.splice(left.map(String).indexOf(item), 1)
        expect([...left, ...added].toSorted()).toEqual(next.toSorted())
      }),
    )
  })

  it('of equal files is nothing, however they are written', () => {
    expect(variableChanges('# a\nA=1\nB=2\n', `B='2'\nexport A="1"`)).toEqual([])
  })

  it.each([
    ['AETHEL_NODE_KEY=a', 'AETHEL_NODE_KEY=b', 'changed'],
    ['', 'AETHEL_TOKENS=admin:aa', 'added'],
    ['AETHEL_SOMETHING_LATER=x', '', 'removed'],
  ])('from %j to %j shows no value', (from, to, change) => {
    expect(variableChanges(from, to)).toMatchObject([
      { change, isMasked: true, from: null, to: null, items: null },
    ])
  })

  it('tells an order from another set', () => {
    expect(variableChanges('AETHEL_P2P_LISTEN=a,b', 'AETHEL_P2P_LISTEN=b,a')).toMatchObject([
      { change: 'changed', items: { added: [], removed: [] } },
    ])
  })
})

it('shows what is in the table of variables, but for secrets and hashes of them', () => {
  const hidden = Object.values(variables).filter(({ name }) => !isShown(name))
  expect(hidden.map(({ name }) => name)).toEqual(['AETHEL_NODE_KEY', 'AETHEL_TOKENS'])
  expect(isShown('PATH')).toBe(false)
})
