import { join } from 'node:path'
import type { Inventory, Phase } from '../ops/inventory/inventory.ts'
import { statePath } from '../ops/inventory/state.ts'
import type { LocalNodes } from '../ops/targets/local/local-targets.ts'

/** Where the CLI keeps what it knows of a phase, beside nodes.yaml. */
export const phaseFiles = (inventory: Inventory, phase: Phase) => ({
  /** Lock, journal and register of a phase whose nodes run on this machine. */
  record: statePath(inventory, phase),
  checkpoints: statePath(inventory, phase, 'verify.json'),
})

/** Where local nodes live; `home` is the folder of this program. */
export const localNodes = (inventory: Inventory, home: string): LocalNodes => ({
  directory: statePath(inventory, 'local', 'nodes'),
  supervisor: join(home, 'dist/cli/supervisor.mjs'),
})

/** The node's artifact that this program was built with. */
export const artifactDirectory = (home: string): string => join(home, 'dist/node')
