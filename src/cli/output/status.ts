import type { ObservedNode } from '../../ops/targets/target.ts'
import type { LatticeStatus, NodeStatus } from '../../ops/verify/status.ts'
import { duration } from './amount.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

export function formatStatus(
  { network, nodes }: LatticeStatus,
  observed: readonly ObservedNode[],
  paint: Paint,
): string {
  const heads = ['node', 'url', 'state', 'mode', 'peers', 'entries', 'root', 'release', 'up'].map(
    paint.faint,
  )
  const rows = nodes.map((node) =>
    node.reachable
      ? saidRow(node, paint)
      : [node.name, node.url, silentState(node, observed, paint)],
  )
  const isUnsupervised = ({ name }: NodeStatus): boolean =>
    observed.some((one) => one.name === name && runsUnsupervised(one))
  const isStopped = ({ name }: NodeStatus): boolean =>
    observed.some((one) => one.name === name && one.process.state === 'stopped')
  const silent = nodes.filter((node) => !node.reachable && !isStopped(node))
  return [
    network.text,
    '',
    table([heads, ...rows], '  '),
    ...silent.flatMap(({ error, hint }) => [
      '',
      `${paint.bad('✘')} ${error ?? ''}`,
      ...(hint === null ? [] : [`  ${paint.faint('→')} ${hint}`]),
    ]),
    ...(nodes.some(isStopped) ? ['', `${paint.faint('→')} deploy starts stopped nodes`] : []),
    ...nodes
      .filter(isUnsupervised)
      .flatMap(({ name }) => [
        '',
        `${paint.unsure('!')} ${name} runs unsupervised: nothing restarts it when it ends`,
        `  ${paint.faint('→')} deploy gives it a supervisor again`,
      ]),
    ...nodes.flatMap(({ name, fault }) =>
      fault === null
        ? []
        : [
            '',
            `${paint.unsure('!')} ${name} has a fault on purpose: ${fault.kind}, for ${duration(fault.ends_in_ms)} more`,
          ],
    ),
  ].join('\n')
}

const runsUnsupervised = ({ process }: ObservedNode): boolean =>
  process.pid !== null && !process.isSupervised

function saidRow(node: NodeStatus, paint: Paint): string[] {
  const { overall, mode, policy, peers, entries, merkle_root, release, uptime_ms } = node
  const tone = overall === 'healthy' ? 'good' : overall === 'degraded' ? 'unsure' : 'bad'
  return [
    node.name,
    node.url,
    paint[tone](overall ?? 'unknown'),
    `${mode ?? '?'}${policy === 'auto' ? '' : ` (policy ${policy})`}`,
    peers === null ? '?' : `${peers.connected}/${peers.total}`,
    entries === null ? '?' : String(entries),
    merkle_root ?? '?',
    release ?? '?',
    uptime_ms === null ? '?' : duration(uptime_ms),
  ]
}

/** What is known of a node that does not answer: its process, where that runs here. */
function silentState(
  { name }: NodeStatus,
  observed: readonly ObservedNode[],
  paint: Paint,
): string {
  const found = observed.find((one) => one.name === name)
  if (found === undefined) return paint.bad('silent')
  const { state, pid, restarts, lastExit } = found.process
  if (state === 'stopped') return paint.unsure('stopped')
  const how = lastExit === null ? '' : `, last exit ${lastExit.signal ?? lastExit.code ?? '?'}`
  return paint.bad(
    `${runsUnsupervised(found) ? 'runs unsupervised' : state}, ${pid === null ? 'no process' : `pid ${pid}`}, restarts ${restarts}${how}`,
  )
}
