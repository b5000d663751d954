import type { Verdict } from '../../wire/verdict.ts'
import type { Phase } from '../inventory/inventory.ts'
import type { DialOutcome } from './facts.ts'

/**
 * Whether nodes can be deployed to and run where nodes.yaml says. The room `doctor` looks at names,
 * hosts, certificates and ports before anything is changed, and judges what it saw. It changes
 * nothing anywhere, and never reports as good what it did not see.
 */

/** In the order in which they are shown: each needs those before it. */
export const checkIds = [
  'dns',
  'route',
  'ssh',
  'host-key',
  'authentication',
  'sudo',
  'system',
  'disk',
  'memory',
  'clock',
  'node',
  'ports',
  'tls',
  'url',
  'dials',
  'token',
] as const
export type CheckId = (typeof checkIds)[number]

/** `WARN`: it was seen, a deploy can go on, and somebody should look at it. */
export type Mark = Verdict | 'WARN'

/** What one check came to, in one line, and what to do about it. */
export interface Finding {
  check: CheckId
  mark: Mark
  finding: string
  hint: string | null
}

/** One way from a server to another node. `outcome` null: it was not tried. */
export interface Dial {
  from: string
  to: string
  transport: 'http' | 'p2p'
  /** `host:port`. */
  address: string
  outcome: DialOutcome | null
}

export interface NodeDiagnosis {
  name: string
  kind: 'local' | 'server' | 'space'
  /** Where it was looked at: `aethel@198.51.100.7:22`, or its url. */
  place: string
  findings: readonly Finding[]
}

export interface Diagnosis {
  /** The worst of all marks; a warning counts as PASS. */
  verdict: Verdict
  phase: Phase
  nodes: readonly NodeDiagnosis[]
  dials: readonly Dial[]
  /** What cannot be looked at before nodes run, and why. */
  unchecked: readonly { id: string; reason: string }[]
  tookMs: number
}
