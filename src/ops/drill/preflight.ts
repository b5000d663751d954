import type { Health } from '../../wire/api.ts'
import { DrillRefusedError } from './errors.ts'
import type { FaultPlan } from './fault-plan.ts'
import { optionBounds } from './limits.ts'
import type { Lung } from './judge/sighting.ts'
import type { NotDrilled } from './judge/report.ts'
import { problemsOf, type VerifyResult } from './judge/verification.ts'
import type { DrillClient, Rig } from './rig.ts'

export type Verify = (signal: AbortSignal) => Promise<VerifyResult>

/** What nothing may be broken with. @throws DrillRefusedError */
export function refuseOptions(
  rig: Pick<Rig, 'writesPerSecond' | 'baselineMs' | 'holdMs' | 'limits'>,
): void {
  const given = { ...rig.limits, ...rig }
  for (const [name, [least, most]] of Object.entries(optionBounds)) {
    const value = given[name as keyof typeof optionBounds]
    if (Number.isFinite(value) && value >= least && value <= most) continue
    throw new DrillRefusedError('bad-option', `${name} is ${value}`, {
      exit: 'usage',
      hint: `${least} to ${most}`,
    })
  }
  if (rig.holdMs <= rig.limits.faultMsMax) return
  throw new DrillRefusedError(
    'bad-option',
    `a fault would be held for ${rig.holdMs} ms, over the limit of ${rig.limits.faultMsMax} ms`,
    { exit: 'usage', hint: 'hold it shorter, or raise the limit' },
  )
}

/** Refuses faults of nodes that there are not, or that cannot be reached. @throws DrillRefusedError */
export function refuseFaults(rig: Rig, faults: readonly FaultPlan[]): void {
  const names = rig.clients.map((client) => client.name)
  if (faults.length === 0) {
    throw new DrillRefusedError('no-fault', 'no fault to drill', { exit: 'usage' })
  }
  for (const { node } of faults) {
    if (names.includes(node) && rig.targets.has(node)) continue
    throw new DrillRefusedError('unknown-node', `no node ${JSON.stringify(node)} here`, {
      exit: 'usage',
      hint: `nodes: ${names.join(', ')}`,
    })
  }
  if (names.length < 2) {
    throw new DrillRefusedError('one-node', 'a lattice of one node has nothing to fail over to')
  }
  const mute = rig.clients.find((client) => !client.hasToken)
  if (mute === undefined) return
  throw new DrillRefusedError('no-token', `there is no operator token for ${mute.name}`, {
    exit: 'badInput',
    hint: 'make one with "aethel-lattice keys", then deploy; only its hash goes to the nodes',
  })
}

/**
 * Nothing is broken unless the lattice is well: every node knows our token and has no fault, and the
 * verification passes. Throws `DrillRefusedError`, or what a node answers instead.
 */
export async function refuseUnsound(rig: Rig, verify: Verify): Promise<void> {
  for (const client of rig.clients) {
    if ((await client.fault(rig.signal)) === null) continue
    throw new DrillRefusedError('fault-armed', `${client.name} already has a fault`, {
      hint: 'another drill may be running; its fault ends by itself within minutes',
    })
  }
  const result = await verify(rig.signal)
  const { verdict } = result
  if (verdict === 'PASS') return
  throw new DrillRefusedError(
    'not-verified',
    [`the lattice is not well (${verdict})`, ...problemsOf(result)].join('; '),
    {
      exit: verdict === 'FAIL' ? 'failed' : 'unknown',
      hint: 'run "aethel-lattice verify-triangle" and mend what it names first',
    },
  )
}

/** What carries entries here, and what therefore cannot be drilled. */
export interface Applicability {
  lung: Lung
  faults: FaultPlan[]
  notDrilled: NotDrilled[]
}

/** Stopping P2P says something only where P2P serves. */
export async function applicable(
  clients: readonly DrillClient[],
  isP2pEnabled: boolean,
  faults: readonly FaultPlan[],
  signal: AbortSignal,
): Promise<Applicability> {
  const without = isP2pEnabled
    ? await nodeWithoutP2p(clients, signal)
    : 'it is disabled in nodes.yaml'
  if (without === null) return { lung: 'P2P', faults: [...faults], notDrilled: [] }
  return {
    lung: 'HTTP',
    faults: faults.filter((fault) => fault.kind !== 'p2p-stop'),
    notDrilled: faults
      .filter((fault) => fault.kind === 'p2p-stop')
      .map((fault) => ({ ...fault, reason: `P2P does not run here: ${without}` })),
  }
}

async function nodeWithoutP2p(
  clients: readonly DrillClient[],
  signal: AbortSignal,
): Promise<string | null> {
  const healths = await Promise.all(clients.map(async (client) => client.health(signal)))
  const isOff = ({ sync }: Health): boolean => !sync.p2p_enabled || sync.policy === 'http'
  const off = healths.find(isOff)
  return off === undefined ? null : `${off.node.name} has policy ${off.sync.policy}`
}
