import type { CheckId, Diagnosis, Finding, Mark } from './diagnosis.ts'
import { NOW_MS } from './evidence.fixture.ts'
import type { NodeEvidence } from './evidence.ts'
import { judge } from './judge.ts'

export const judged = (...nodes: NodeEvidence[]): Diagnosis =>
  judge({ phase: 'full', nodes, nowMs: NOW_MS, tookMs: 1 }, { nodeVersion: '26.10.0' })

export const findingOf = (diagnosis: Diagnosis, check: CheckId): Finding | undefined =>
  diagnosis.nodes[0]?.findings.find((finding) => finding.check === check)

/** Of the first node. */
export const marksOf = (diagnosis: Diagnosis): Partial<Record<CheckId, Mark>> =>
  Object.fromEntries((diagnosis.nodes[0]?.findings ?? []).map(({ check, mark }) => [check, mark]))

/** Lines of a host whose HTTP port somebody has. */
export const listens = (...lines: string[]): string => `port http\n${lines.join('\n')}`
export const nginx =
  'listen http LISTEN 0 511 0.0.0.0:8000 0.0.0.0:* users:(("nginx",pid=812,fd=6))'
export const systemd =
  'listen http LISTEN 0 511 0.0.0.0:8000 0.0.0.0:* users:(("systemd",pid=1,fd=44))'
export const ours = 'cgroup http 812 0::/system.slice/aethel-lattice-node2.service'
