import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { OperatorError } from '../errors.ts'
import { writeWhole } from '../host/durable-file.ts'
import type { Plan } from './plan.ts'
import { withProven, type ProvenRelease } from './plan-releases.ts'

const registerSchema = z.strictObject({
  format: z.literal(1),
  proven: z.array(
    z.strictObject({
      release: z.string(),
      version: z.string(),
      lattice: z.string(),
      provenAt: z.string(),
      isWithdrawn: z.boolean(),
      nodes: z.record(
        z.string(),
        z.strictObject({ settings: z.string(), configDigest: z.string() }),
      ),
    }),
  ),
})

/** The register of proven releases of a phase, oldest first; empty before the first. */
export async function readProven(path: string): Promise<ProvenRelease[]> {
  try {
    return registerSchema.parse(JSON.parse(await readFile(path, 'utf8'))).proven
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new OperatorError('releases', `${path} is not a register of releases`, {
      exit: 'badInput',
      hint: 'move it away; the next verified deploy begins a new one',
      cause: error,
    })
  }
}

/**
 * Writes down that what `plan` led to has passed its gates and its verification. Call it under the
 * lock, after `deployed` or `unchanged` and a verdict of PASS. Writes nothing when it is known
 * already, or when the nodes do not all run one release.
 */
export async function proveRelease(path: string, plan: Plan, now: Date): Promise<void> {
  const { release, nodes, lattice, kind } = plan
  if (nodes.some((node) => node.next.release !== release.id)) return
  const proven = await readProven(path)
  const fresh: ProvenRelease = {
    release: release.id,
    version: release.version,
    lattice,
    provenAt: now.toISOString(),
    isWithdrawn: false,
    nodes: Object.fromEntries(
      nodes.map(({ name, next, configDigest }) => [
        name,
        { settings: next.settings, configDigest },
      ]),
    ),
  }
  const after = withProven(proven, fresh, kind)
  if (after === proven) return
  await writeWhole(path, `${JSON.stringify({ format: 1, proven: after }, null, 2)}\n`, 0o600)
}
