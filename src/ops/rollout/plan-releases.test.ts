import { describe, expect, it } from 'vitest'
import { everywhere, held, proven, release, running, settings } from './fixtures/facts.ts'
import { keptGenerations, releaseRows, withProven, type ProvenRelease } from './plan-releases.ts'

const letters = (register: readonly ProvenRelease[]): string =>
  register.map(({ release: id, isWithdrawn }) => (isWithdrawn ? `(${id[1]})` : id[1])).join('')

const deployed = (register: readonly ProvenRelease[], sequence: string): readonly ProvenRelease[] =>
  sequence
    .split('')
    .reduce((all, letter) => withProven(all, proven(letter, 'x'), 'deploy'), register)

const rolledBack = (register: readonly ProvenRelease[], letter: string): readonly ProvenRelease[] =>
  withProven(register, proven(letter, 'x'), 'rollback')

describe('the register of proven releases', () => {
  it.each([
    ['abc', 'abc'],
    ['abca', 'bca'],
    ['aaa', 'a'],
    ['abcdefg', 'cdefg'],
  ])('after deploys %s', (sequence, expected) => {
    expect(letters(deployed([], sequence))).toBe(expected)
  })

  it('withdraws what was rolled back from, until it is deployed again', () => {
    const c = deployed([], 'abc')
    const b = rolledBack(c, 'b')
    expect(letters(b)).toBe('ab(c)')
    const a = rolledBack(b, 'a')
    expect(letters(a)).toBe('a(b)(c)')
    expect(letters(rolledBack(b, 'c'))).toBe('abc')
    expect(letters(deployed(b, 'd'))).toBe('ab(c)d')
    expect(letters(deployed(b, 'c'))).toBe('abc')
  })

  it('counts no withdrawn one', () => {
    const five = rolledBack(deployed([], 'abcde'), 'd')
    expect(letters(five)).toBe('abcd(e)')
    expect(letters(deployed(five, 'f'))).toBe('abcd(e)f')
    expect(letters(deployed(five, 'fg'))).toBe('bcd(e)fg')
  })

  it('is the same value when nothing is new', () => {
    const register = deployed([], 'ab')
    expect(withProven(register, proven('b', 'x', { provenAt: 'later' }), 'deploy')).toBe(register)
  })

  it('tells settings apart, and lets many of them push no release out', () => {
    let register: readonly ProvenRelease[] = deployed([], 'a')
    for (let number = 0; number < 9; number++) {
      register = withProven(register, proven('b', String(number)), 'deploy')
    }
    expect(letters(register)).toBe('abbbbb')
    expect(register.at(-1)?.nodes['space']?.settings).toBe(settings('8'))
  })
})

it('keeps on each node every generation of the register', () => {
  const register = [proven('a', 'x'), proven('b', 'y', { nodes: {} })]
  expect(keptGenerations(register)('space')).toEqual([
    { release: release('a').id, settings: settings('x') },
  ])
})

it('lists releases newest first, with who runs them, and those never proven at the end', () => {
  const register = [proven('a', 'x'), proven('b', 'x'), proven('b', 'y', { isWithdrawn: true })]
  const observed = everywhere((name) =>
    name === 'space'
      ? running(name, 'd', 'x', { held: [held('a', 'x'), held('e', 'x')] })
      : running(name, 'b', 'x'),
  )
  const listed = releaseRows(register, observed)
  const settingsOf = listed.map((row) => row.settings)
  expect(settingsOf.slice(3)).toEqual([null, null])
  // Two generations of one release differ by their settings, and equal settings look equal.
  expect(settingsOf[0]).not.toBe(settingsOf[1])
  expect(settingsOf[1]).toBe(settingsOf[2])
  const rows = listed.map((row) => [
    row.id,
    row.version,
    row.isProven,
    row.isWithdrawn,
    row.currentOn,
  ])
  expect(rows).toEqual([
    [release('b').id, 'b.0', true, true, []],
    [release('b').id, 'b.0', true, false, ['primary', 'backup']],
    [release('a').id, 'a.0', true, false, []],
    [release('d').id, 'd.0', false, false, ['space']],
    [release('e').id, 'e.0', false, false, []],
  ])
})
