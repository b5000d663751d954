import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { runDrill } from '../../ops/drill/drill.ts'
import {
  defaultFaults,
  drillFaults,
  type DrillFault,
  type FaultPlan,
} from '../../ops/drill/fault-plan.ts'
import { formatMarkdown } from '../../ops/drill/judge/markdown.ts'
import type { DrillReport } from '../../ops/drill/judge/report.ts'
import { verifyTriangle } from '../../ops/verify/triangle.ts'
import type { RolloutOptions } from '../../ops/rollout/apply.ts'
import type { App, Outcome } from '../command.ts'
import { requireAnswerer, requireConsent } from '../consent.ts'
import { withLattice, type Lattice } from '../lattice.ts'
import { chosenNames, openInventory } from '../opened-inventory.ts'
import { formatDrill, formatFaults } from '../output/drill.ts'
import { underLock } from '../rollout.ts'
import { withSite } from '../sites.ts'
import { exitOfVerdict } from '../verdict-exit.ts'
import { recordedRelease } from '../verification.ts'

export interface DrillOptions {
  fault?: DrillFault
  node?: string
  report?: string
  writesPerSecond?: number
}

/** Breaks one thing after the other under load, measures what that does, and undoes it. */
export async function failoverDrill(app: App, options: DrillOptions): Promise<Outcome> {
  const inventory = await openInventory(app)
  return withSite(app, inventory, async (site) => {
    if (isShared(app)) requireAnswerer(app)
    return withLattice(app, inventory, async (lattice) => {
      const faults = chosenFaults(lattice, options)
      if (app.options.dryRun) return outcomeOfDryRun(faults)

      app.screen.say((paint) => formatFaults(faults, paint))
      if (isShared(app)) await requireConsent(app, 'Break this on purpose?')
      const report = await underLock(app, lattice, site, async (rollout) =>
        drill(app, lattice, { faults, writesPerSecond: options.writesPerSecond, rollout }),
      )
      const unwritten = await writeReport(options.report, report)
      if (unwritten === null) {
        return {
          exit: exitOfVerdict[report.verdict],
          json: report,
          text: (paint) => formatDrill(report, options.report, paint),
        }
      }
      return {
        exit: report.verdict === 'PASS' ? 'badInput' : exitOfVerdict[report.verdict],
        json: { ...report, warnings: [unwritten] },
        text: (paint) =>
          [formatDrill(report, undefined, paint), `${paint.unsure('!')} ${unwritten}`].join('\n'),
      }
    })
  })
}

/** What runs on this machine hurts nobody else. */
const isShared = (app: App): boolean => app.options.phase !== 'local'

interface DrillTerms {
  faults: readonly FaultPlan[]
  writesPerSecond: number | undefined
  rollout: RolloutOptions
}

async function drill(
  app: App,
  lattice: Lattice,
  { faults, writesPerSecond, rollout }: DrillTerms,
): Promise<DrillReport> {
  const { desired, clients } = lattice
  const expectedRelease = recordedRelease(await rollout.journal.read())
  return app.screen.during({ doing: 'drilling', done: 'drilled' }, async (note) =>
    runDrill({
      lattice: desired,
      clients,
      targets: new Map(rollout.targets.map((target) => [target.name, target])),
      faults,
      verify: async (signal) =>
        verifyTriangle({ lattice: desired, clients, expectedRelease, saved: null, signal }),
      lock: rollout.lock,
      options: writesPerSecond === undefined ? {} : { writesPerSecond },
      signal: app.signal,
      onProgress: ({ fault, phase, message }) =>
        note(`${fault === null ? '' : `${fault.kind} on ${fault.node}: `}${phase}: ${message}`),
    }),
  )
}

/** Each kind once where nothing is named; else what was named, on a node that fits. */
export function chosenFaults(
  { desired }: Pick<Lattice, 'desired'>,
  { fault, node }: DrillOptions,
): FaultPlan[] {
  const kinds = fault === undefined ? drillFaults : [fault]
  if (node !== undefined) {
    const [name = node] = chosenNames(desired.nodes, node)
    return kinds.map((kind) => ({ kind, node: name }))
  }
  return defaultFaults(desired).filter(({ kind }) => kinds.includes(kind))
}

/** Why there is no report in the file; null: there is, or none was wanted. */
async function writeReport(path: string | undefined, report: DrillReport): Promise<string | null> {
  if (path === undefined) return null
  try {
    await writeFile(resolve(path), formatMarkdown(report))
    return null
  } catch (error) {
    return `the report is not in ${path}: ${(error as Error).message}`
  }
}

const outcomeOfDryRun = (faults: readonly FaultPlan[]): Outcome => ({
  exit: 'done',
  json: { faults, drilled: false },
  text: (paint) => formatFaults(faults, paint),
})
