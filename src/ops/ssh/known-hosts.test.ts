import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesPatterns } from './host-pattern.ts'
import { isAbout, knownName, parseKnownHosts } from './known-hosts.ts'

/**
 * Every form that a line may have; the hashed names were made by `ssh-keygen -H`. Beside each name the
 * lines that `ssh-keygen -F` of OpenSSH 9.2 finds, but for lines 14 to 16: it shows them without
 * reading their keys, which no client could use.
 */
const file = readFileSync(join(import.meta.dirname, 'testdata/known_hosts'), 'utf8')
const [, , plain = ''] = file.split('\n')
const lines = parseKnownHosts(`${file}${plain.replace('plain', 'crlf')}\r\n`, 'known_hosts')
const EVERYWHERE = ['9 revoked', '18']

describe('a file of known hosts', () => {
  it.each([
    ['plain.example.com', ['3']],
    ['Plain.Example.Com', ['3']],
    ['two.example.com', ['4']],
    ['192.0.2.1', ['4']],
    ['port.example.com', []],
    ['[port.example.com]:2222', ['5']],
    ['[port.example.com]:2223', []],
    ['a.wild.example.com', ['6']],
    ['not.wild.example.com', []],
    ['wild.example.com', []],
    ['host1.example.com', ['7']],
    ['host12.example.com', []],
    ['indented.example.com', ['8']],
    ['revoked.example.com', ['10 revoked']],
    ['a.certified.example.com', ['11 cert-authority']],
    ['marker.example.com', []],
    ['upper.example.com', ['13']],
    ['broken.example.com', []],
    ['lying.example.com', []],
    ['rsa1.example.com', []],
    ['[2001:db8::1]:2222', ['17']],
    ['2001:db8::2', ['17']],
    ['hashed.example.com', ['19']],
    ['[hashed.example.com]:2222', ['20']],
    ['192.0.2.7', ['21']],
    ['192.0.2.8', []],
    ['crlf.example.com', ['22']],
  ])('knows %s by the lines %j, and those that are about everybody', (name, expected) => {
    const found = lines
      .filter((line) => line.key !== null && isAbout(line, name))
      .map(({ line, marker }) => (marker === 'none' ? `${line}` : `${line} ${marker}`))
    expect(found.toSorted()).toEqual([...expected, ...EVERYWHERE].toSorted())
  })

  it('may leave a host out of a pattern', () => {
    const found = lines.filter((line) => isAbout(line, 'except.example.com'))
    expect(found.map(({ line }) => line)).toEqual([9])
  })

  it('may have lines that cannot be read, which are not lost', () => {
    expect(lines.filter(({ key }) => key === null).map(({ line }) => line)).toEqual([14, 15, 16])
  })

  it('is read whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.string(), (text, name) => {
        for (const line of parseKnownHosts(text, 'x')) isAbout(line, name)
      }),
    )
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('|1|', '|', '=', 'a', '@revoked', ' ', '\t', ',', '!', '*', '\n')),
        (parts) => {
          for (const line of parseKnownHosts(parts.join(''), 'x')) isAbout(line, 'a')
        },
      ),
    )
  })
})

it.each([
  ['Alpha.example.com', 22, 'alpha.example.com'],
  ['alpha', 2222, '[alpha]:2222'],
  ['2001:DB8::1', 22, '2001:db8::1'],
  ['2001:db8::1', 23, '[2001:db8::1]:23'],
])('%s at port %i is looked up as %s', (host, port, name) => {
  expect(knownName(host, port)).toBe(name)
})

describe('patterns', () => {
  /** The same by a regular expression, which could take for ever where a file is not one's own. */
  const byExpression = (pattern: string, name: string): boolean =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
      'is',
    ).test(name)
  const text = fc.string({ unit: fc.constantFrom('a', 'B', '.', '1'), maxLength: 12 })
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 })

  it('match as they would by a regular expression', () => {
    fc.assert(
      fc.property(pattern, text, (one, name) => {
        expect(matchesPatterns([one], name)).toBe(byExpression(one, name))
      }),
      { numRuns: 500 },
    )
  })

  it('never match what a negated one matches, and never by negated ones alone', () => {
    fc.assert(
      fc.property(fc.array(pattern), pattern, text, (others, negated, name) => {
        const isMatch = matchesPatterns([...others, `!${negated}`], name)
        expect(isMatch && byExpression(negated, name)).toBe(false)
        expect(matchesPatterns([`!${negated}`], name)).toBe(false)
      }),
    )
  })

  it('take no longer for a pattern that is made to', () => {
    const begun = performance.now()
    expect(matchesPatterns([`${'a*'.repeat(400)}b`], 'a'.repeat(4000))).toBe(false)
    expect(performance.now() - begun).toBeLessThan(2000)
  })
})
