import { join } from 'node:path'
import { layoutOf } from '../placement/layout.ts'

/**
 * A node's folder on this machine: that of every target, and what its supervisor keeps.
 *
 *     run/   supervisor.json, launch
 *     log/   node.log, node.log.1, supervisor.log
 */
export const localLayoutOf = (root: string) => ({
  ...layoutOf(root),
  supervisorState: join(root, 'run', 'supervisor.json'),
  launch: join(root, 'run', 'launch'),
  log: join(root, 'log'),
  nodeLog: join(root, 'log', 'node.log'),
  olderNodeLog: join(root, 'log', 'node.log.1'),
  supervisorLog: join(root, 'log', 'supervisor.log'),
})
export type LocalLayout = ReturnType<typeof localLayoutOf>
