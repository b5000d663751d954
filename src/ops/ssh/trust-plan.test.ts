import { describe, expect, it } from 'vitest'
import { parseKnownHosts } from './known-hosts.ts'
import { editedKnownHosts, planTrust } from './trust-plan.ts'
import { knowledge, keyNamed, named } from './testdata/keys.ts'

const present = (...names: readonly string[]) => names.map((name) => keyNamed(name).key)

describe('the keys that a host presents', () => {
  it.each<[string, string, readonly string[], readonly string[], readonly string[]]>([
    ['nothing is known', '', ['a', 'rsa'], ['new', 'new'], []],
    ['only another host is known', 'beta $b', ['a'], ['new'], []],
    ['one is known', 'alpha $a', ['a'], ['known'], []],
    ['all are known', 'alpha $a\nalpha $rsa', ['a', 'rsa'], ['known', 'known'], []],
    ['one is known, others come with it', 'alpha $a', ['a', 'rsa'], ['known', 'other'], []],
    ['another of the type is known', 'alpha $b', ['a'], ['contradicts'], ['b']],
    ['only one of another type is known', 'alpha $ecdsa', ['a'], ['contradicts'], ['ecdsa']],
    [
      'one is known, another is contradicted',
      'alpha $rsa\nalpha $b',
      ['a', 'rsa'],
      ['contradicts', 'known'],
      ['b'],
    ],
    ['a type that it has no more is known', 'alpha $a\nalpha $ecdsa', ['a'], ['known'], []],
    ['two of a type are known', 'alpha $a\nalpha $b', ['a'], ['known'], []],
    ['one is revoked', '@revoked * $a', ['a', 'rsa'], ['revoked', 'new'], []],
    ['a line that revokes cannot be read', '@revoked alpha x', ['a'], ['revoked'], []],
    ['an authority is known', '@cert-authority * $b', ['a'], ['new'], []],
  ])('where %s', (_what, text, presented, standings, contradicted) => {
    const plan = planTrust(present(...presented), knowledge(text))
    expect(plan.keys.map(({ standing }) => standing)).toEqual(standings)
    expect(plan.contradictions.map(({ fingerprint }) => named(fingerprint))).toEqual(contradicted)
    expect(plan.isPinned).toBe(false)
  })

  it('are compared with the pinned ones alone', () => {
    const plan = planTrust(present('a', 'rsa'), knowledge('alpha $b', ['$a']))
    expect(plan).toMatchObject({ isPinned: true, contradictions: [] })
    expect(plan.keys.map(({ standing }) => standing)).toEqual(['known', 'other'])
    const foreign = planTrust(present('b'), knowledge('alpha $b', ['$a']))
    expect(foreign.keys.map(({ standing }) => standing)).toEqual(['contradicts'])
  })
})

describe('a file of known hosts that is edited', () => {
  const [a, b] = present('a', 'b')
  if (a === undefined || b === undefined) throw new Error('no keys')
  const lineOf = (name: string): string => keyNamed(name).text
  const removing = (name: string) => new Set([keyNamed(name).fingerprint])

  it.each<[string, string]>([
    ['empty', ''],
    ['whole', '# mine\n\nbeta x\n'],
    ['without a last end of line', 'beta x'],
  ])('keeps what was there: %s', (_what, text) => {
    const edited = editedKnownHosts(text, '[alpha]:2222', { add: [a], remove: new Set() })
    expect(edited.startsWith(text)).toBe(true)
    expect(edited.endsWith('\n')).toBe(true)
    expect(parseKnownHosts(edited, 'x').at(-1)).toMatchObject({ names: '[alpha]:2222', key: a })
  })

  it('holds a key once', () => {
    const once = editedKnownHosts('', 'alpha', { add: [a, b], remove: new Set() })
    expect(editedKnownHosts(once, 'alpha', { add: [b, a], remove: new Set() })).toBe(once)
  })

  it('loses lines about this host alone', () => {
    const text = [
      `alpha ${lineOf('b')}`,
      `beta ${lineOf('b')}`,
      `alpha,beta ${lineOf('b')}`,
      `* ${lineOf('b')}`,
      `@revoked alpha ${lineOf('b')}`,
      `alpha ${lineOf('rsa')}`,
      '',
    ]
    const edited = editedKnownHosts(text.join('\n'), 'alpha', { add: [a], remove: removing('b') })
    expect(edited).toBe([...text.slice(1, -1), `alpha ${lineOf('a')}`, ''].join('\n'))
  })
})
