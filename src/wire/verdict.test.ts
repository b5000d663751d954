import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { networkVerdict, STALE_AFTER_MS, verdicts, worstOf, type NodeEvidence } from './verdict.ts'

type Answer = NonNullable<NodeEvidence['answer']>
type Transport = 'P2P' | 'HTTP' | 'NONE'

const lattice = ['a', 'b', 'c']

/** A node that reaches every other over one transport. */
const nodeOf = (
  name: string,
  transport: Transport,
  changes: Partial<Answer> = {},
): NodeEvidence => ({
  name,
  answer: {
    ageMs: 100,
    policy: 'auto',
    active: transport,
    isP2pEnabled: true,
    isDiverged: false,
    isHealthy: true,
    reaches: new Map(lattice.filter((other) => other !== name).map((other) => [other, transport])),
    ...changes,
  },
})
const all = (transport: Transport, changes: Partial<Answer> = {}): NodeEvidence[] =>
  lattice.map((name) => nodeOf(name, transport, changes))
const silent = (name: string): NodeEvidence => ({ name, answer: null })
const but = (evidence: NodeEvidence[], one: NodeEvidence): NodeEvidence[] =>
  evidence.map((each) => (each.name === one.name ? one : each))

describe('the worst of several verdicts', () => {
  it.each([
    [[], 'UNKNOWN'],
    [['PASS'], 'PASS'],
    [['PASS', 'PASS'], 'PASS'],
    [['PASS', 'UNKNOWN'], 'UNKNOWN'],
    [['UNKNOWN', 'FAIL'], 'FAIL'],
    [['FAIL', 'PASS'], 'FAIL'],
  ] as const)('of %j is %s', (given, expected) => {
    expect(worstOf(given)).toBe(expected)
  })

  it('is PASS only when there is something and all of it passed, in any order', () => {
    const many = fc.array(fc.constantFrom(...verdicts))
    fc.assert(
      fc.property(many, many, (a, b) => {
        const isAllPass = a.length > 0 && a.every((one) => one === 'PASS')
        expect(worstOf(a) === 'PASS').toBe(isAllPass)
        expect(worstOf(a.toReversed())).toBe(worstOf(a))
        const isEither = a.length === 0 || b.length === 0
        expect(isEither || worstOf([worstOf(a), worstOf(b)]) === worstOf([...a, ...b])).toBe(true)
      }),
    )
  })
})

describe('the network verdict', () => {
  const table: [string, readonly NodeEvidence[], string, string, string][] = [
    ['all over P2P', all('P2P'), 'resilient-hybrid', 'PASS', '🟢 Resilient (Hybrid Mode)'],
    [
      'all over HTTP by policy',
      all('HTTP', { policy: 'http' }),
      'resilient-http',
      'PASS',
      '🟢 Resilient (HTTP only, by configuration)',
    ],
    [
      'all over HTTP, P2P switched off',
      all('HTTP', { isP2pEnabled: false }),
      'resilient-http',
      'PASS',
      '🟢 Resilient (HTTP only, by configuration)',
    ],
    [
      'all over HTTP though P2P is wanted',
      all('HTTP'),
      'resilient-fallback',
      'PASS',
      '🟡 Resilient (HTTP Fallback)',
    ],
    [
      'one link over HTTP',
      but(
        all('P2P'),
        nodeOf('a', 'P2P', {
          reaches: new Map([
            ['b', 'HTTP'],
            ['c', 'P2P'],
          ]),
        }),
      ),
      'resilient-fallback',
      'PASS',
      '🟡 Resilient (HTTP Fallback)',
    ],
    [
      'a node silent',
      but(all('P2P'), silent('b')),
      'degraded',
      'FAIL',
      '🟠 Degraded (2 of 3 nodes answer, 2 fully connected)',
    ],
    [
      'a node left out of the evidence',
      all('P2P').slice(1),
      'degraded',
      'FAIL',
      '🟠 Degraded (2 of 3 nodes answer, 2 fully connected)',
    ],
    [
      'a node whose answer is old',
      but(all('P2P'), nodeOf('c', 'P2P', { ageMs: STALE_AFTER_MS })),
      'degraded',
      'FAIL',
      '🟠 Degraded (2 of 3 nodes answer, 2 fully connected)',
    ],
    [
      'a node unhealthy',
      but(all('P2P'), nodeOf('c', 'P2P', { isHealthy: false })),
      'degraded',
      'FAIL',
      '🟠 Degraded (3 of 3 nodes answer, 2 fully connected)',
    ],
    [
      'a link down',
      but(
        all('P2P'),
        nodeOf('a', 'P2P', {
          reaches: new Map([
            ['b', 'P2P'],
            ['c', 'NONE'],
          ]),
        }),
      ),
      'degraded',
      'FAIL',
      '🟠 Degraded (3 of 3 nodes answer, 2 fully connected)',
    ],
    ['no node in exchange', all('NONE'), 'not-syncing', 'FAIL', '🔴 Not Syncing'],
    [
      'one node diverged',
      but(all('P2P'), nodeOf('b', 'P2P', { isDiverged: true })),
      'diverged',
      'FAIL',
      '🔴 Diverged',
    ],
    [
      'the only node that answers diverged',
      [silent('a'), nodeOf('b', 'NONE', { isDiverged: true }), silent('c')],
      'diverged',
      'FAIL',
      '🔴 Diverged',
    ],
    ['nobody answers', lattice.map(silent), 'unknown', 'UNKNOWN', '❔ Unknown (nothing observed)'],
    ['no evidence', [], 'unknown', 'UNKNOWN', '❔ Unknown (nothing observed)'],
    [
      'all answers old',
      all('P2P', { ageMs: STALE_AFTER_MS }),
      'unknown',
      'UNKNOWN',
      '❔ Unknown (nothing observed)',
    ],
    ['strangers only', [nodeOf('x', 'P2P')], 'unknown', 'UNKNOWN', '❔ Unknown (nothing observed)'],
  ]
  it.each(table)('%s', (_name, evidence, state, verdict, text) => {
    expect(networkVerdict(lattice, evidence)).toEqual({
      state,
      verdict,
      text: `Network Status: ${text}`,
    })
  })

  it('of a lattice of one node needs no exchange', () => {
    const alone = nodeOf('a', 'NONE', { reaches: new Map() })
    expect(networkVerdict(['a'], [alone]).verdict).toBe('PASS')
    expect(networkVerdict(['a'], [silent('a')]).verdict).toBe('UNKNOWN')
    expect(networkVerdict([], []).verdict).toBe('UNKNOWN')
  })

  const transport = fc.constantFrom<Transport>('P2P', 'HTTP', 'NONE')
  const answer: fc.Arbitrary<Answer> = fc.record({
    ageMs: fc.oneof(fc.nat(100_000), fc.constantFrom(STALE_AFTER_MS - 1, STALE_AFTER_MS)),
    policy: fc.constantFrom('auto', 'p2p', 'http'),
    active: transport,
    isP2pEnabled: fc.boolean(),
    isDiverged: fc.boolean(),
    isHealthy: fc.boolean(),
    reaches: fc
      .uniqueArray(fc.tuple(fc.constantFrom(...lattice), transport), { selector: ([name]) => name })
      .map((pairs) => new Map(pairs)),
  })
  const evidence = fc
    .subarray(lattice)
    .chain((names) =>
      fc.tuple(...names.map((name) => fc.option(answer).map((one) => ({ name, answer: one })))),
    )

  it('passes only what every node showed: fresh, healthy, agreeing, with no link down', () => {
    fc.assert(
      fc.property(evidence, (given) => {
        const { state, verdict, text } = networkVerdict(lattice, given)
        const isEveryNodeWell = lattice.every((name) => {
          const shown = given.find((one) => one.name === name)?.answer ?? null
          if (shown === null || shown.ageMs >= STALE_AFTER_MS) return false
          const reached = [...shown.reaches.values()]
          return shown.isHealthy && !shown.isDiverged && !reached.includes('NONE')
        })
        expect(verdict !== 'PASS' || isEveryNodeWell).toBe(true)
        expect(verdict === 'PASS').toBe(state.startsWith('resilient'))
        expect(text).toMatch(/^Network Status: \S+ \S/u)
      }),
      { numRuns: 1000 },
    )
  })

  it('does not depend on the order of the evidence', () => {
    fc.assert(
      fc.property(evidence, (given) => {
        expect(networkVerdict(lattice, given.toReversed())).toEqual(networkVerdict(lattice, given))
      }),
    )
  })
})
