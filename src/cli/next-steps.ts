import type { DesiredLattice } from '../ops/desired/lattice.ts'
import type { App } from './command.ts'
import { commandLine } from './called-as.ts'
import type { Paint } from './output/paint.ts'
import { table } from './output/table.ts'

/** What to look at when not everything was proven. */
export function nextLooks({ options, calledAs }: App, paint: Paint): string {
  const call = (rest: string): string => paint.command(commandLine(calledAs, rest, options))
  const rows = [
    ['how the nodes are', call('status')],
    ['what they say', call('logs')],
    ['verify again', call('verify-triangle')],
  ]
  return `Look at:\n${table(rows, '  ')}`
}

/** Commands that work as they stand, where the operator stands. */
export function nextSteps(
  { options, calledAs }: App,
  lattice: DesiredLattice,
  paint: Paint,
): string {
  const call = (rest: string): string => paint.command(commandLine(calledAs, rest, options))
  const rows = [
    ['how the nodes are', call('status')],
    ['prove it again', call('verify-triangle')],
    ...transferOf(lattice).map((intent) => ['write through a node', call(`submit '${intent}'`)]),
    ['break it, see it heal', call('failover-drill')],
    ['watch the nodes', call('logs --follow')],
    ['stop them', call('down')],
  ]
  return `Try next:\n${table(rows, '  ')}`
}

/** A transfer that the genesis allows. */
function transferOf({ genesis }: DesiredLattice): string[] {
  const [from, to] = [...genesis.keys()]
  if (from === undefined || to === undefined || (genesis.get(from) ?? 0) < 100) return []
  return [`intent transfer { from: ${from}, to: ${to}, amount: 100 }`]
}
