/** Whether something was observed to hold, observed not to hold, or not observed. */
export const verdicts = ['PASS', 'FAIL', 'UNKNOWN'] as const
export type Verdict = (typeof verdicts)[number]

/** The worst of several: one FAIL fails all, one UNKNOWN leaves the rest unknown. Of none: UNKNOWN. */
export function worstOf(all: readonly Verdict[]): Verdict {
  if (all.includes('FAIL')) return 'FAIL'
  if (all.length === 0 || all.includes('UNKNOWN')) return 'UNKNOWN'
  return 'PASS'
}

/** What one node showed of itself, as far as a network verdict needs it. */
export interface NodeEvidence {
  name: string
  /** Null: no answer. */
  answer: {
    ageMs: number
    policy: 'auto' | 'p2p' | 'http'
    active: 'P2P' | 'HTTP' | 'NONE'
    isP2pEnabled: boolean
    isDiverged: boolean
    isHealthy: boolean
    /** By peer name: whether the node is in exchange with it now. */
    reaches: ReadonlyMap<string, 'P2P' | 'HTTP' | 'NONE'>
  } | null
}

export const networkStates = [
  'unknown',
  'diverged',
  'not-syncing',
  'degraded',
  'resilient-fallback',
  'resilient-http',
  'resilient-hybrid',
] as const
export type NetworkState = (typeof networkStates)[number]

export interface NetworkVerdict {
  state: NetworkState
  verdict: Verdict
  /** One line, with its icon. */
  text: string
}

/** A node that lacks for so long what a peer has signed that it holds is not in exchange, whatever its links say. */
export const BEHIND_AFTER_MS = 10_000

/** Whether a node's health says that it takes part: no failure, a root, nothing long missing. */
export const isWell = (health: {
  overall: string
  ledger: { merkle_root: string | null }
  sync: { behind_ms: number | null }
}): boolean =>
  health.overall !== 'unhealthy' &&
  health.ledger.merkle_root !== null &&
  (health.sync.behind_ms ?? 0) < BEHIND_AFTER_MS

/** Age from which what a node said counts as not observed any more. */
export const STALE_AFTER_MS = 60_000

/**
 * The state of a lattice from what its nodes show. The one function behind page, CLI and API: `lattice`
 * names every member, so a node that is missing from the evidence counts as silent.
 */
export function networkVerdict(
  lattice: readonly string[],
  evidence: readonly NodeEvidence[],
): NetworkVerdict {
  const answers = lattice.flatMap((name) => {
    const answer = evidence.find((one) => one.name === name)?.answer ?? null
    return answer === null || answer.ageMs >= STALE_AFTER_MS ? [] : [answer]
  })
  if (answers.length === 0) return say('unknown', 'UNKNOWN', '❔ Unknown (nothing observed)')
  if (answers.some((answer) => answer.isDiverged)) return say('diverged', 'FAIL', '🔴 Diverged')
  if (lattice.length > 1 && answers.every((answer) => answer.active === 'NONE')) {
    return say('not-syncing', 'FAIL', '🔴 Not Syncing')
  }
  const whole = answers.filter(
    (answer) =>
      answer.isHealthy && [...answer.reaches.values()].every((transport) => transport !== 'NONE'),
  )
  if (whole.length < lattice.length) {
    const reachable = answers.length
    return say(
      'degraded',
      'FAIL',
      `🟠 Degraded (${reachable} of ${lattice.length} nodes answer, ${whole.length} fully connected)`,
    )
  }
  const isOverHttp = answers.some((answer) => [...answer.reaches.values()].includes('HTTP'))
  if (!isOverHttp) return say('resilient-hybrid', 'PASS', '🟢 Resilient (Hybrid Mode)')
  return answers.every((answer) => !answer.isP2pEnabled || answer.policy === 'http')
    ? say('resilient-http', 'PASS', '🟢 Resilient (HTTP only, by configuration)')
    : say('resilient-fallback', 'PASS', '🟡 Resilient (HTTP Fallback)')
}

const say = (state: NetworkState, verdict: Verdict, text: string): NetworkVerdict => ({
  state,
  verdict,
  text: `Network Status: ${text}`,
})
