import { describe, expect, it } from 'vitest'
import {
  algorithmsFor,
  fingerprintOf,
  parseHostKeyPin,
  parsePublicKey,
  typeOfBlob,
} from './host-key.ts'
import { askedTypes, judgeHostKey } from './judge-host-key.ts'
import { keyNamed, keys, knowledge } from './testdata/keys.ts'

const a = keyNamed('a')
const b = keyNamed('b')
const ecdsa = keyNamed('ecdsa')
const rsa = keyNamed('rsa')

describe('a key', () => {
  it.each(keys)('has the fingerprint that ssh-keygen shows: $name', ({ key, fingerprint }) => {
    expect(fingerprintOf(key.blob)).toBe(fingerprint)
    expect(typeOfBlob(key.blob)).toBe(key.type)
  })

  it.each([
    '',
    'ssh-ed25519',
    'ssh-ed25519 ',
    'ssh-ed25519 AAAA',
    'ssh-ed25519 !!!!',
    `ssh-rsa ${a.text.split(' ')[1]}`,
    `${a.text}=`,
    a.text.slice(0, -1),
  ])('is not read from %j', (text) => {
    expect(parsePublicKey(text)).toBeNull()
    expect(parseHostKeyPin(text)).toBeNull()
  })

  it('may be pinned whole, with a comment, or by its fingerprint', () => {
    expect(parseHostKeyPin(`${a.text} root@alpha`)).toEqual({ kind: 'key', key: a.key })
    expect(parseHostKeyPin(a.fingerprint)).toEqual({
      kind: 'fingerprint',
      fingerprint: a.fingerprint,
    })
    expect(parseHostKeyPin('SHA256:short')).toBeNull()
    expect(parseHostKeyPin('MD5:00:11')).toBeNull()
  })

  it('of RSA signs with SHA-2 alone', () => {
    expect(algorithmsFor(new Set(['ssh-rsa']))).toEqual(['rsa-sha2-512', 'rsa-sha2-256'])
    expect(algorithmsFor(new Set(['ssh-dss', 'sk-ssh-ed25519@openssh.com']))).toEqual([])
  })
})

describe('a host that presents the key a', () => {
  it.each<[string, string, readonly string[], object]>([
    ['known by it', 'alpha $a', [], { kind: 'known', by: 'kh:1' }],
    ['known by another one, too', 'alpha $b\nalpha $a', [], { kind: 'known', by: 'kh:2' }],
    ['not known at all', '', [], { kind: 'unknown', isCertified: false }],
    ['not known, but another host is', 'beta $a', [], { kind: 'unknown', isCertified: false }],
    [
      'known by an authority',
      '@cert-authority alpha $a',
      [],
      { kind: 'unknown', isCertified: true },
    ],
    [
      'known by another key',
      '#\nalpha $b',
      [],
      { kind: 'mismatch', known: [{ fingerprint: b.fingerprint, place: 'kh:2' }] },
    ],
    [
      'known by a key of another type',
      'alpha $rsa',
      [],
      { kind: 'mismatch', known: [{ fingerprint: rsa.fingerprint, place: 'kh:1' }] },
    ],
    ['known, and revoked', 'alpha $a\n@revoked alpha $a', [], { kind: 'revoked', place: 'kh:2' }],
    [
      'known, and revoked everywhere',
      'alpha $a\n@revoked * $a',
      [],
      { kind: 'revoked', place: 'kh:2' },
    ],
    ['known, and revoked elsewhere', 'alpha $a\n@revoked beta $a', [], { kind: 'known' }],
    ['known; another key is revoked', 'alpha $a\n@revoked alpha $b', [], { kind: 'known' }],
    [
      'known; something unreadable is revoked',
      'alpha $a\n@revoked alpha x',
      [],
      { kind: 'unreadable', place: 'kh:2' },
    ],
    [
      'known; something unreadable is revoked elsewhere',
      'alpha $a\n@revoked beta x',
      [],
      { kind: 'known' },
    ],
    ['pinned', '', ['$a'], { kind: 'known', by: 'nodes.yaml, ssh.host_keys' }],
    ['pinned by its fingerprint', '', [a.fingerprint], { kind: 'known' }],
    ['pinned by one of several', '', ['$rsa', '$a'], { kind: 'known' }],
    [
      'known, and pinned to another key',
      'alpha $a',
      ['$b'],
      { kind: 'mismatch', known: [{ fingerprint: b.fingerprint }] },
    ],
    ['known, and pinned to another fingerprint', 'alpha $a', [b.fingerprint], { kind: 'mismatch' }],
    ['pinned, and revoked', '@revoked alpha $a', ['$a'], { kind: 'revoked' }],
  ])('and is %s', (_how, text, pins, expected) => {
    const judgement = judgeHostKey(a.key.blob, knowledge(text, pins))
    expect(judgement).toMatchObject(expected)
    expect({ fingerprint: a.fingerprint, ...judgement }.fingerprint).toBe(a.fingerprint)
  })

  it('is refused when that is no key', () => {
    expect(judgeHostKey(Buffer.alloc(0), knowledge('alpha $a')).kind).toBe('mismatch')
    expect(judgeHostKey(Buffer.alloc(3), knowledge('')).kind).toBe('unknown')
  })
})

describe('a host is asked for keys', () => {
  const all = [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'ssh-rsa',
  ]
  it.each<[string, string, readonly string[], readonly string[]]>([
    ['of the type that is known', 'alpha $a', [], ['ssh-ed25519']],
    ['of all types that are known', 'alpha $rsa\nalpha $a', [], ['ssh-rsa', 'ssh-ed25519']],
    [
      'of no type that is only revoked or certified',
      'alpha $a\n@revoked alpha $rsa\n@cert-authority alpha $ecdsa',
      [],
      ['ssh-ed25519'],
    ],
    ['of the pinned type alone', 'alpha $rsa', ['$ecdsa'], [ecdsa.key.type]],
    ['of every type when nothing is known', 'beta $a', [], all],
    ['of every type when a fingerprint is pinned', '', [a.fingerprint, '$rsa'], all],
    ['of no type when only such as cannot be verified are known', 'alpha $dsa', [], []],
  ])('%s', (_what, text, pins, expected) => {
    expect([...askedTypes(knowledge(text, pins))].toSorted()).toEqual(expected.toSorted())
  })
})
