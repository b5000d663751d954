import { nodesOf, type Inventory } from '../ops/inventory/inventory.ts'
import { readInventory } from '../ops/inventory/read.ts'
import type { App } from './command.ts'
import { UsageError } from './failure.ts'
import { formatHeader } from './output/header.ts'

/** Reads nodes.yaml and says on stderr which lattice it is, and which of its nodes are meant. */
export async function openInventory({ options, screen }: App): Promise<Inventory> {
  const inventory = await readInventory(options.file)
  const { phase, command } = options
  const nodes = nodesOf(inventory, phase).length
  const about = { lattice: inventory.lattice.name, phase, nodes }
  screen.say((paint) => formatHeader(about, command, paint))
  return inventory
}

/** The nodes that a command is about: the one that was named, or all. */
export function chosenNames(all: readonly { name: string }[], name: string | undefined): string[] {
  const names = all.map((node) => node.name)
  if (name === undefined) return names
  if (!names.includes(name)) {
    throw new UsageError(`${name} is not a node of this phase`, `nodes: ${names.join(', ')}`)
  }
  return [name]
}
