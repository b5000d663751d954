import type { Phase } from '../../ops/inventory/inventory.ts'
import { count } from './amount.ts'
import type { Paint } from './paint.ts'

const phrases: Record<Phase, string> = {
  local: 'on this machine',
  'soft-launch': 'without the backup node',
  full: 'all nodes',
}

/** The first line of everything that looks at a lattice: which lattice, which of its nodes. */
export const formatHeader = (
  { lattice, phase, nodes }: { lattice: string; phase: Phase; nodes: number },
  what: string,
  paint: Paint,
): string =>
  `${paint.strong(what)}: lattice ${lattice}, phase ${paint.strong(phase)} (${phrases[phase]}), ${count(nodes, 'node')}`
