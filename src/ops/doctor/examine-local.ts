import { systemClock, type Clock } from '../client/clock.ts'
import { localPlace } from '../desired/addresses.ts'
import { latticeIdOf } from '../../wire/lattice.ts'
import { nodesOf, type Inventory, type NodeSpec } from '../inventory/inventory.ts'
import type { ObservedNode } from '../targets/target.ts'
import { askUrl } from './ask-url.ts'
import type { Evidence, LocalEvidence, WantedPort } from './evidence.ts'
import { lookAtMachine, lookAtPorts } from './look-at-machine.ts'

export interface LocalExamination {
  inventory: Inventory
  /** Names of the nodes to look at. */
  chosen: readonly string[]
  /** Of the nodes whose keys are there. */
  peerIds: ReadonlyMap<string, string>
  /** As the nodes' processes are found. */
  observed: readonly ObservedNode[]
  /** Folder that the nodes lie in, or will. */
  directory: string
  clock?: Clock
  signal: AbortSignal
}

/** Looks at this machine, and at the nodes that run on it. Changes nothing. */
export async function examineLocal(examination: LocalExamination): Promise<Evidence> {
  const { inventory, chosen, peerIds, observed, directory, signal } = examination
  const { clock = systemClock } = examination
  const startedMs = clock.monotonicMs()
  const { local, lattice } = inventory
  const machine = await lookAtMachine(directory)
  const look = async (spec: NodeSpec, index: number): Promise<LocalEvidence> => {
    const { url, httpPort } = localPlace(local, index)
    const ports: WantedPort[] = [
      { name: 'http', port: httpPort },
      ...(lattice.isP2pEnabled ? [{ name: 'p2p', port: local.p2pPort + index } as const] : []),
    ]
    const process = observed.find(({ name }) => name === spec.name)?.process
    const asked = {
      name: spec.name,
      url,
      peerId: peerIds.get(spec.name) ?? null,
      lattice: latticeIdOf(lattice.name, local.genesis),
    }
    const [listeners, answer] = await Promise.all([
      lookAtPorts(ports, signal),
      askUrl(asked, signal),
    ])
    return {
      kind: 'local',
      spec,
      url,
      isMeantToRun: process !== undefined && process.state !== 'stopped',
      pids: process?.pid === undefined || process.pid === null ? [] : [process.pid],
      ports,
      listeners,
      ...machine,
      answer,
    }
  }
  const nodes = await Promise.all(
    nodesOf(inventory, 'local')
      .map((spec, index) => ({ spec, index }))
      .filter(({ spec }) => chosen.includes(spec.name))
      .map(async ({ spec, index }) => look(spec, index)),
  )
  return { phase: 'local', nodes, nowMs: clock.wallMs(), tookMs: clock.monotonicMs() - startedMs }
}
