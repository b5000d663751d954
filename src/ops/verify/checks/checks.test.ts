import { beforeAll, describe, expect, it } from 'vitest'
import type { ProbeAnswer } from '../../../wire/api.ts'
import { failure, observeHealthyLattice, withNode, withValue } from '../fixtures/healthy.ts'
import { judge } from '../judge.ts'
import { CLOCK_SAMPLES } from '../limits.ts'
import type { CheckId, CheckResult, Observation, Unchecked } from '../observation.ts'

let healthy: Observation
beforeAll(async () => {
  healthy = await observeHealthyLattice()
})

const checkOf = (observation: Observation, id: CheckId): CheckResult | undefined =>
  judge(observation).checks.find((check) => check.id === id)
const uncheckedOf = (observation: Observation): Unchecked[] => judge(observation).unchecked

describe('clock', () => {
  const withClock = (offsetMs: number, rttMs: number, count = CLOCK_SAMPLES): Observation =>
    withNode(healthy, 'node2', ({ clock }) => ({
      clock: clock.ok
        ? {
            ...clock,
            value: clock.value
              .slice(0, count)
              .map((sample, index) => ({ ...sample, offsetMs, rttMs: rttMs + index })),
          }
        : clock,
    }))

  const cases: [offsetMs: number, rttMs: number, verdict: string][] = [
    [0, 10, 'PASS'],
    [495, 10, 'PASS'],
    [-495, 10, 'PASS'],
    [496, 10, 'UNKNOWN'],
    [504, 10, 'UNKNOWN'],
    [505, 10, 'UNKNOWN'],
    [506, 10, 'FAIL'],
    [-506, 10, 'FAIL'],
    [0, 999, 'PASS'],
    [0, 1001, 'UNKNOWN'],
    [900, 1000, 'UNKNOWN'],
    [1001, 1000, 'FAIL'],
  ]
  it.each(cases)('%i ms off, %i ms there and back: %s', (offsetMs, rttMs, verdict) => {
    expect(checkOf(withClock(offsetMs, rttMs), 'clock')?.verdict).toBe(verdict)
  })

  it('needs all samples', () => {
    expect(checkOf(withClock(0, 10, CLOCK_SAMPLES - 1), 'clock')?.verdict).toBe('UNKNOWN')
  })

  it('goes by the sample with the shortest way', () => {
    const mixed = withNode(healthy, 'node1', ({ clock }) => ({
      clock: clock.ok
        ? {
            ...clock,
            value: clock.value.map((sample, index) => ({
              ...sample,
              offsetMs: index === 3 ? 2 : 9000,
              rttMs: index === 3 ? 4 : 50,
            })),
          }
        : clock,
    }))
    expect(checkOf(mixed, 'clock')?.verdict).toBe('PASS')
    expect(judge(mixed).nodes[0]?.clock_offset_ms).toBe(2)
  })
})

describe('edges', () => {
  const withProbe = (
    changes: Record<string, Partial<ProbeAnswer>>,
    from = healthy,
  ): Observation => ({
    ...from,
    probes: from.probes.map((probe) => {
      const change = changes[`${probe.from}>${probe.to}/${probe.transport}`]
      return change === undefined
        ? probe
        : { ...probe, answer: withValue(probe.answer, () => change) }
    }),
  })

  const cases: [string, Record<string, Partial<ProbeAnswer>>, string][] = [
    [
      'no address, but the other side reached and the connection lives',
      { 'node1>node2/p2p': { result: 'no-address', live: true } },
      'PASS',
    ],
    [
      'no address, and the connection is dead',
      { 'node1>node2/p2p': { result: 'no-address', live: false } },
      'FAIL',
    ],
    [
      'no address on either side',
      {
        'node1>node2/p2p': { result: 'no-address', live: true },
        'node2>node1/p2p': { result: 'no-address', live: true },
      },
      'FAIL',
    ],
    [
      'no address, and the other side failed',
      {
        'node1>node2/p2p': { result: 'no-address', live: true },
        'node2>node1/p2p': { result: 'failed', live: true },
      },
      'FAIL',
    ],
    ['no address over HTTP', { 'node1>node2/http': { result: 'no-address', live: true } }, 'FAIL'],
    ['a transport that is off', { 'node3>node1/p2p': { result: 'off' } }, 'FAIL'],
    ['an answer about another peer', { 'node3>node1/p2p': { peer: 'node2' } }, 'UNKNOWN'],
  ]
  it.each(cases)('%s', (_what, changes, verdict) => {
    expect(checkOf(withProbe(changes), 'edges')?.verdict).toBe(verdict)
  })

  it('counts every direction on every transport', () => {
    expect(checkOf(healthy, 'edges')?.evidence).toHaveLength(3 * 2 * 2)
    expect(checkOf(healthy, 'edges')?.summary).toContain('12 directed edges')
  })

  it('leaves P2P unchecked when it is off by configuration, and still wants HTTP', () => {
    const httpOnly = {
      ...healthy,
      lattice: { ...healthy.lattice, isP2pEnabled: false },
      probes: healthy.probes.filter((probe) => probe.transport === 'http'),
    }
    expect(checkOf(httpOnly, 'edges')?.verdict).toBe('PASS')
    expect(uncheckedOf(httpOnly).map(({ id }) => id)).toEqual(['edges.p2p'])
    const broken = withProbe({ 'node1>node2/http': { result: 'failed' } }, httpOnly)
    expect(checkOf(broken, 'edges')?.verdict).toBe('FAIL')
  })
})

describe('releases', () => {
  it('are compared with each other when none is expected, and that is said', () => {
    const unexpected = { ...healthy, expectedRelease: null }
    expect(checkOf(unexpected, 'releases')?.verdict).toBe('PASS')
    expect(uncheckedOf(unexpected).map(({ id }) => id)).toEqual(['releases.expected'])
  })

  it('fail when all agree on another than the expected one', () => {
    const other = { ...healthy, expectedRelease: 'rffffffffffff' }
    expect(checkOf(other, 'releases')).toMatchObject({
      verdict: 'FAIL',
      summary: expect.stringContaining('rffffffffffff should run'),
    })
  })
})

describe('recompute', () => {
  it('cannot tell when a log was ended meanwhile', () => {
    const ended = withNode(healthy, 'node3', ({ held, log }) => ({
      log: withValue(log, () => ({
        ends: new Map(
          [...(held.ok ? held.value.attestation.frontier.keys() : [])].map((a) => [a, 0]),
        ),
      })),
    }))
    expect(checkOf(ended, 'recompute')?.verdict).toBe('UNKNOWN')
  })

  it('wants a signed checkpoint in front of the entries', () => {
    const without = withNode(healthy, 'node3', ({ log }) => ({
      log: withValue(log, () => ({ checkpoint: null })),
    }))
    expect(checkOf(without, 'recompute')?.verdict).toBe('UNKNOWN')
  })

  it('fails entries that cannot even be read', () => {
    const many = withNode(healthy, 'node3', () => ({ log: failure('too-many') }))
    expect(checkOf(many, 'recompute')?.verdict).toBe('UNKNOWN')
    const unreadable = withNode(healthy, 'node3', () => ({ log: failure('not-a-node') }))
    expect(checkOf(unreadable, 'recompute')?.verdict).toBe('FAIL')
  })

  const partly = (older: number): Observation =>
    withNode(healthy, 'node3', ({ log }) => ({
      log: withValue(log, ({ checkpoint }) => ({
        begins: new Map([['a'.repeat(80), 7]]),
        older,
        stateRootAtHeld: null,
        rootAtCut: null,
        checkpoint: checkpoint && { ...checkpoint, recomputedStateRoot: null },
      })),
    }))

  it('says what it did not look at in a large node', () => {
    expect(checkOf(partly(5), 'recompute')).toMatchObject({
      verdict: 'PASS',
      summary: expect.stringContaining('come to the roots that the nodes signed'),
    })
    expect(uncheckedOf(partly(5))).toEqual([
      { id: 'recompute.node3', reason: expect.stringMatching(/Of 7 older entries .* 5 .*--full/) },
    ])
  })

  it('does not pass a large node that showed no older entry', () => {
    expect(checkOf(partly(0), 'recompute')?.verdict).toBe('UNKNOWN')
  })
})

describe('integrity', () => {
  const withReading = (ageMs: number): Observation =>
    withNode(healthy, 'node1', ({ integrity }) => ({
      integrity: withValue(integrity, () => ({ entries_checked: 1, age_ms: ageMs })),
    }))

  it('takes a reading of seconds ago, and says what is newer', () => {
    expect(checkOf(withReading(3000), 'integrity')?.verdict).toBe('PASS')
    expect(uncheckedOf(withReading(3000)).map(({ id }) => id)).toEqual(['integrity.node1'])
  })

  it('takes no old one', () => {
    expect(checkOf(withReading(120_000), 'integrity')?.verdict).toBe('UNKNOWN')
  })
})

describe('config', () => {
  const withNodes = (
    change: (node: Observation['lattice']['nodes'][number], index: number) => object,
  ): Observation => ({
    ...healthy,
    lattice: {
      ...healthy.lattice,
      nodes: healthy.lattice.nodes.map((node, index) => ({ ...node, ...change(node, index) })),
    },
  })
  const first = (change: object) => (_node: unknown, index: number) => (index === 0 ? change : {})

  const cases: [string, () => Observation, string][] = [
    ['two nodes with one URL', () => withNodes(() => ({ url: 'http://127.0.0.1:1' })), 'same url'],
    [
      'two nodes with one key',
      () => withNodes(() => ({ peerId: healthy.lattice.nodes[0]?.peerId })),
      'same peerId',
    ],
    [
      'a URL with a path',
      () => withNodes(first({ url: 'http://127.0.0.1:1/x' })),
      'no http(s) origin',
    ],
    ['no peer id', () => withNodes(first({ peerId: 'QmNone' })), 'no Ed25519 peer id'],
    [
      'a list that names the node itself',
      () =>
        withNodes((node, index) =>
          index === 0
            ? { environment: { ...node.environment, AETHEL_LATTICE_NODES: node.url } }
            : {},
        ),
      'this node itself',
    ],
    [
      'another genesis',
      () =>
        withNodes((node, index) =>
          index === 0 ? { environment: { ...node.environment, AETHEL_GENESIS: 'Eve:1' } } : {},
        ),
      'another lattice',
    ],
  ]
  it.each(cases)('fails: %s', (_what, make, problem) => {
    const check = checkOf(make(), 'config')
    expect(check?.verdict).toBe('FAIL')
    expect(JSON.stringify(check?.evidence)).toContain(problem)
  })

  it('accepts a key that comes as a secret', () => {
    const spaces = withNodes(() => ({}))
    expect(checkOf(spaces, 'config')?.verdict).toBe('PASS')
  })
})

describe('a lattice of one node', () => {
  it('has no edges and shows itself to nobody, and can pass', async () => {
    const alone = await observeHealthyLattice(1)
    const report = judge(alone)
    expect(report.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([])
    expect(report.unchecked.map(({ id }) => id)).toEqual(['edges', 'split-view'])
  })
})
