import { dirname, join } from 'node:path'
import type { Inventory, Phase } from './inventory.ts'

/** The folder of nodes.yaml; what its relative paths are relative to. */
const baseDirectory = (inventory: Inventory): string => dirname(inventory.path)

/** A path inside `.lattice`, where the CLI keeps what it knows. */
export const statePath = (inventory: Inventory, ...parts: readonly string[]): string =>
  join(baseDirectory(inventory), '.lattice', ...parts)

/** Where a phase's node keys lie: the local lattice has keys of its own, the others share one set. */
export const keysDirectory = (inventory: Inventory, phase: Phase): string =>
  phase === 'local' ? statePath(inventory, 'local', 'keys') : join(baseDirectory(inventory), 'keys')

export const operatorTokenPath = (inventory: Inventory, phase: Phase): string =>
  phase === 'local'
    ? statePath(inventory, 'local', 'operator.token')
    : join(baseDirectory(inventory), 'keys', 'operator.token')
