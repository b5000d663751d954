import { describe, expect, it } from 'vitest'
import type { Mark } from './diagnosis.ts'
import { hostWith, NOW_MS, serverEvidence, soundTls, spaceEvidence } from './evidence.fixture.ts'
import type { NodeEvidence, SpaceEvidence } from './evidence.ts'
import { findingOf, judged, marksOf } from './judged.fixture.ts'

describe('a login', () => {
  it.each<[at: 'dns' | 'route' | 'ssh' | 'host-key' | 'authentication', marks: string]>([
    ['dns', 'FAIL UNKNOWN UNKNOWN UNKNOWN UNKNOWN'],
    ['route', 'PASS FAIL UNKNOWN UNKNOWN UNKNOWN'],
    ['ssh', 'PASS PASS FAIL UNKNOWN UNKNOWN'],
    ['host-key', 'PASS PASS PASS FAIL UNKNOWN'],
    ['authentication', 'PASS PASS PASS PASS FAIL'],
  ])('that ends at %s leaves all behind it unknown', (at, marks) => {
    const diagnosis = judged(
      serverEvidence('node2', {
        login: { kind: 'failed', at, isDialled: true, message: 'it broke', hint: 'mend it' },
        host: { kind: 'unread', why: 'not seen without logging in' },
      }),
    )
    const { dns, route, ssh, 'host-key': key, authentication, ...rest } = marksOf(diagnosis)
    expect([dns, route, ssh, key, authentication].join(' ')).toBe(marks)
    expect(new Set(Object.values(rest))).toEqual(new Set(['UNKNOWN']))
    expect(findingOf(diagnosis, at)).toMatchObject({ finding: 'it broke', hint: 'mend it' })
  })

  it('that fails on this machine says nothing of the host', () => {
    const login = {
      kind: 'failed',
      at: 'ssh',
      isDialled: false,
      message: 'no key',
      hint: null,
    } as const
    const host = { kind: 'unread', why: 'x' } as const
    expect(marksOf(judged(serverEvidence('node2', { login, host })))).toMatchObject({
      dns: 'PASS',
      route: 'UNKNOWN',
      ssh: 'FAIL',
      'host-key': 'UNKNOWN',
      authentication: 'UNKNOWN',
    })
  })
})

describe('a name', () => {
  it.each<['found' | 'absent' | 'unanswered', Mark]>([
    ['found', 'PASS'],
    ['absent', 'FAIL'],
    ['unanswered', 'UNKNOWN'],
  ])('that is %s: %s', (result, mark) => {
    const lookups = [{ host: 'a.example', result, addresses: ['192.0.2.1'] }]
    const finding = findingOf(judged(serverEvidence('node2', { lookups })), 'dns')
    expect(finding).toMatchObject({ mark, finding: expect.stringContaining('a.example') })
  })
})

const day = 86_400_000
const lasting = (daysBefore: number, daysLeft: number): SpaceEvidence['tls'] => ({
  ...soundTls,
  validFromMs: NOW_MS - daysBefore * day,
  validUntilMs: NOW_MS + daysLeft * day,
})

describe('a certificate', () => {
  it.each<[name: string, tls: SpaceEvidence['tls'], mark: Mark, finding: RegExp]>([
    ['with time left', lasting(69, 21), 'PASS', /valid for 21 more days/],
    ['with little left', lasting(70, 20.9), 'WARN', /20 more days/],
    ['with three days left', lasting(87, 3), 'WARN', /3 more days/],
    ['with no time left', lasting(88, 2.9), 'FAIL', /2 more days/],
    ['with hours left', lasting(89, 1.5), 'FAIL', /36 more hours/],
    ['that is over', lasting(90, 0), 'FAIL', /has expired/],
    ['that lives for 12 hours', lasting(0.1, 0.4), 'PASS', /9 more hours/],
    ['that lives for 12 hours, late', lasting(0.4, 0.1), 'WARN', /2 more hours/],
    ['that lives for 12 hours, too late', lasting(0.47, 0.03), 'FAIL', /0 more hours/],
    ['without a date', lasting(Number.NaN, 1), 'UNKNOWN', /does not say/],
    ['of another name', { ...soundTls, isForThisName: false }, 'FAIL', /not for o-n.hf.space/],
    [
      'without those above it',
      { ...soundTls, chainProblem: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      'FAIL',
      /are missing/,
    ],
    [
      'of nobody',
      { ...soundTls, chainProblem: 'SELF_SIGNED_CERT_IN_CHAIN' },
      'FAIL',
      /not trusted/,
    ],
    ['not shown', { kind: 'unseen', why: 'refused', detail: 'x' }, 'FAIL', /no certificate/],
    ['not shown in time', { kind: 'unseen', why: 'silent', detail: 'x' }, 'FAIL', /no certificate/],
    ['nobody knows where', { kind: 'unseen', why: 'absent', detail: 'x' }, 'UNKNOWN', /no cert/],
  ])('%s: %s', (_name, tls, mark, finding) => {
    expect(findingOf(judged(spaceEvidence({ tls })), 'tls')).toMatchObject({
      mark,
      finding: expect.stringMatching(finding),
    })
  })
})

describe('a url', () => {
  const failed = (code: 'unreachable' | 'timeout' | 'not-a-node' | 'wrong-identity', status = 0) =>
    ({ kind: 'failed', code, status, message: 'no', hint: null }) as const
  const ran = hostWith({ 'current no': 'current yes' })

  it.each<[name: string, node: NodeEvidence, mark: Mark | undefined]>([
    ['the node', serverEvidence('node2', { answer: { kind: 'ours', release: 'r1' } }), 'PASS'],
    ['another name', serverEvidence('node2', { answer: { kind: 'misnamed', name: 'x' } }), 'FAIL'],
    ['a node of unknown key', serverEvidence('node2', { answer: { kind: 'unproven' } }), 'UNKNOWN'],
    ['a web page', serverEvidence('node2', { answer: failed('not-a-node', 200) }), 'FAIL'],
    ['another key', serverEvidence('node2', { answer: failed('wrong-identity') }), 'FAIL'],
    ['nobody yet', serverEvidence('node2', { answer: failed('unreachable') }), undefined],
    ['nobody any more', serverEvidence('node2', { answer: failed('unreachable') }, ran), 'FAIL'],
    ['silence', serverEvidence('node2', { answer: failed('timeout') }), 'FAIL'],
    ['no Space', spaceEvidence({ answer: failed('not-a-node', 404) }), 'WARN'],
    ['a Space’s page', spaceEvidence({ answer: failed('not-a-node', 200) }), 'FAIL'],
    ['a silent Space', spaceEvidence({ answer: failed('timeout') }), 'UNKNOWN'],
  ])('where %s answers', (_name, node, mark) => {
    expect(marksOf(judged(node))['url']).toBe(mark)
  })

  it('of a host that could not be looked at is UNKNOWN when nobody answers', () => {
    const host = { kind: 'unread', why: 'x' } as const
    expect(marksOf(judged(serverEvidence('node2', { host })))['url']).toBe('UNKNOWN')
  })
})

it('a hub’s token that is missing is told, with its place', () => {
  const token = { problem: 'env:HF_TOKEN is not set', hint: 'set it' }
  expect(findingOf(judged(spaceEvidence({ token })), 'token')).toEqual({
    check: 'token',
    mark: 'FAIL',
    finding: 'env:HF_TOKEN is not set',
    hint: 'set it',
  })
})
