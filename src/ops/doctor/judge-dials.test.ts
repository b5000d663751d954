import { describe, expect, it } from 'vitest'
import type { Mark } from './diagnosis.ts'
import { hostWith, serverEvidence } from './evidence.fixture.ts'
import type { ServerEvidence } from './evidence.ts'
import { findingOf, judged, listens, marksOf, nginx, ours } from './judged.fixture.ts'

describe('dialling', () => {
  const busy = hostWith({ 'port http': listens(nginx, ours), 'port p2p': 'port p2p' })
  const dialling = (line: string, outcome: string): string =>
    hostWith({ [line]: outcome === '' ? '' : `${line.slice(0, 6)} ${outcome}` })
  const p2p = (outcome: string): ServerEvidence =>
    serverEvidence('node2', {}, dialling('dial 1 closed', outcome))

  it.each<[outcome: string, mark: Mark, finding: RegExp]>([
    ['open', 'PASS', /reaches node3 \(libp2p, 198.51.100.3:9000\) and space/],
    ['closed', 'PASS', /reaches space/],
    ['silent', 'FAIL', /gets no answer from node3 \(libp2p, 198.51.100.3:9000\)/],
    ['unrouted', 'FAIL', /has no route to node3/],
    ['unnamed', 'FAIL', /cannot look up node3/],
    ['failed', 'UNKNOWN', /could not try node3/],
    ['', 'UNKNOWN', /could not try node3/],
  ])('that is %j: %s', (outcome, mark, finding) => {
    expect(findingOf(judged(p2p(outcome), serverEvidence('node3')), 'dials')).toMatchObject({
      mark,
      finding: expect.stringMatching(finding),
    })
  })

  it('is refused where somebody listens: FAIL', () => {
    const diagnosis = judged(serverEvidence('node2'), serverEvidence('node3', {}, busy))
    expect(findingOf(diagnosis, 'dials')).toMatchObject({
      mark: 'FAIL',
      finding: expect.stringMatching(/is refused by node3 \(HTTP.*, where somebody listens/),
    })
  })

  it('is refused where nobody could look: UNKNOWN', () => {
    const unread = serverEvidence('node3', { host: { kind: 'unread', why: 'x' } })
    const diagnosis = judged(serverEvidence('node2'), unread)
    expect(marksOf(diagnosis)['dials']).toBe('UNKNOWN')
    expect(diagnosis.dials.filter(({ from }) => from === 'node3')).toMatchObject([
      { to: 'node2', transport: 'http', outcome: null },
      { to: 'node2', transport: 'p2p', outcome: null },
      { to: 'space', transport: 'http', outcome: null },
    ])
  })

  it('is refused by a node that is not looked at this time: left open', () => {
    const diagnosis = judged(serverEvidence('node2'))
    expect(marksOf(diagnosis)['dials']).toBe('PASS')
    expect(diagnosis.unchecked).toContainEqual({
      id: 'dials',
      reason: 'node2 to node3 (HTTP and libp2p): closed, and node3 was not looked at',
    })
  })
})
