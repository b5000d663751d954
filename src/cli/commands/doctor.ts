import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Diagnosis } from '../../ops/doctor/diagnosis.ts'
import { examine } from '../../ops/doctor/examine.ts'
import { examineLocal } from '../../ops/doctor/examine-local.ts'
import type { Evidence } from '../../ops/doctor/evidence.ts'
import { judge } from '../../ops/doctor/judge.ts'
import { OperatorError } from '../../ops/errors.ts'
import { readIdentities } from '../../ops/inventory/identities.ts'
import { nodesOf, type Inventory, type Phase } from '../../ops/inventory/inventory.ts'
import { observeNodes } from '../../ops/rollout/observe.ts'
import { connectTo } from '../server-connection.ts'
import type { App, Outcome } from '../command.ts'
import { pinnedNode } from '../host-parts.ts'
import { trustAuthorities } from '../lattice.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { formatDiagnosis } from '../output/doctor.ts'
import { localNodes } from '../phase-files.ts'
import { withSite } from '../sites.ts'
import { exitOfVerdict } from '../verdict-exit.ts'

/** Says whether nodes can be deployed to and run where nodes.yaml says, before anything is changed. */
export async function doctor(app: App, node: string | undefined): Promise<Outcome> {
  const { options, screen } = app
  const inventory = await openInventory(app)
  await trustAuthorities(app, inventory)
  const chosen = chosenNames(nodesOf(inventory, options.phase), node)
  const nodeVersion = pinnedNode(await readFile(join(app.home, 'package.json'), 'utf8'))
  // No live line: a login may have a question.
  screen.say((paint) => paint.faint(`… looking at ${chosen.join(', ')}`))
  const evidence = await look(app, inventory, chosen, nodeVersion)
  const diagnosis = judge(evidence, { nodeVersion })
  return {
    exit: exitOfVerdict[diagnosis.verdict],
    json: documentOf(diagnosis),
    text: (paint) => formatDiagnosis(diagnosis, paint),
  }
}

async function look(
  app: App,
  inventory: Inventory,
  chosen: readonly string[],
  nodeVersion: string,
): Promise<Evidence> {
  const { options, home, signal } = app
  const { phase } = options
  const peerIds = await knownPeerIds(inventory, phase)
  if (phase !== 'local') {
    return examine({
      inventory,
      phase,
      chosen,
      peerIds,
      nodeVersion,
      signal,
      connect: async (server, until) => connectTo(app, inventory, server, until),
    })
  }
  return withSite(app, inventory, async ({ targets }) => {
    const meant = targets.filter((target) => chosen.includes(target.name))
    return examineLocal({
      inventory,
      chosen,
      peerIds,
      observed: await observeNodes(meant, signal),
      directory: localNodes(inventory, home).directory,
      signal,
    })
  })
}

/** Keys need not be made yet: then nobody can tell who answers, and all else can be looked at. */
async function knownPeerIds(
  inventory: Inventory,
  phase: Phase,
): Promise<ReadonlyMap<string, string>> {
  try {
    const identities = await readIdentities(inventory, phase)
    return new Map([...identities].map(([name, { peerId }]) => [name, peerId]))
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'no-identity') return new Map()
    throw error
  }
}

function documentOf({ verdict, phase, nodes, dials, unchecked, tookMs }: Diagnosis): object {
  return {
    verdict,
    phase,
    nodes: nodes.map(({ name, kind, place, findings }) => ({
      name,
      kind,
      place,
      checks: findings.map(({ check, mark, finding, hint }) => ({
        id: check,
        verdict: mark,
        finding,
        hint,
      })),
    })),
    dials,
    unchecked,
    took_ms: Math.round(tookMs),
  }
}
