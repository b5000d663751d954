import { describe, expect, it } from 'vitest'
import type { DrillReport } from '../../ops/drill/judge/report.ts'
import { formatDrill, formatFaults } from './drill.ts'
import { plain } from './paint.ts'

describe('a drill', () => {
  const availability = {
    attempted: 10,
    succeeded: 10,
    share: 1,
    failure_rate_below: null,
    latency_ms: { p50: 1, p95: 2, p99: 3, max: 4 },
  } as DrillReport['baseline']['availability']['nodes']
  const writes = { attempted: 192, succeeded: 190, indeterminate: 2, failed: 0, lost: 0 }
  const report: DrillReport = {
    verdict: 'FAIL',
    phase: 'local',
    transport: 'P2P',
    objectives: {
      activation_ms: 3000,
      recovery_ms: 2000,
      equal_frontier_ms: 5000,
      lost: 0,
      others_success: 0.99,
    },
    faults: [
      {
        kind: 'p2p-stop',
        node: 'node1',
        verdict: 'PASS',
        detection_ms: 31.4,
        activation_ms: 56.1,
        activation_via: 'HTTP',
        outage_ms: 6000,
        recovery_ms: 387,
        equal_frontier_ms: null,
        staleness_max_ms: 1,
        writes,
        availability: { others: availability, target: availability, retrying_client: availability },
        reasons: [],
        notes: ['one note'],
      },
    ],
    not_drilled: [{ kind: 'kill', node: 'node2', reason: 'it had not healed' }],
    baseline: {
      verdict: 'PASS',
      took_ms: 5000,
      writes,
      availability: { nodes: availability, retrying_client: availability },
      staleness_max_ms: null,
      reasons: [],
    },
    verified: { before: 'PASS', after: 'FAIL' },
    writes_per_second: 10,
    took_ms: 18_600,
    reasons: ['verification afterwards: FAIL'],
  }

  it('is a line per fault, what was left out, and why it is not PASS', () => {
    expect(formatDrill(report, 'drill.md', plain)).toBe(
      `          fault     node   detected  entries flow again  back after  equal after  writes   lost
  ✔ PASS  p2p-stop  node1  31 ms     56 ms (HTTP)        387 ms      not seen     190/192  0
  ? kill on node2 was not drilled: it had not healed

  without a fault: ✔ PASS; verified before: PASS, after: FAIL
  ✘ verification afterwards: FAIL
  one note

✘ FAIL in 18.6 s
report: drill.md`,
    )
  })

  it('says beforehand what it will break', () => {
    expect(formatFaults([{ kind: 'kill', node: 'node2' }], plain)).toBe(
      '  →  kill  node2  kill -9; the supervisor starts it again',
    )
  })
})
