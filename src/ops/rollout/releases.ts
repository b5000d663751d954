import { readFile } from 'node:fs/promises'
import * as z from 'zod/mini'
import { OperatorError } from '../errors.ts'
import { writeWhole } from '../host/durable-file.ts'
import type { ProvenRelease } from './plan-releases.ts'

/** The proven releases of a phase. */
export interface Register {
  /** Token of the lock under which it was written: the higher one is the newer. */
  fence: number
  /** Oldest first. */
  proven: readonly ProvenRelease[]
}

export const registerSchema = z.strictObject({
  format: z.literal(1),
  fence: z._default(z.int(), 0),
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

/** The register in the file `path`; empty before the first release was proven. */
export async function readRegister(path: string): Promise<Register> {
  try {
    const { fence, proven } = registerSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    return { fence, proven }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { fence: 0, proven: [] }
    throw new OperatorError('releases', `${path} is not a register of releases`, {
      exit: 'badInput',
      hint: 'move it away; the next verified deploy begins a new one',
      cause: error,
    })
  }
}

export async function writeRegister(path: string, register: Register): Promise<void> {
  await writeWhole(path, `${JSON.stringify({ format: 1, ...register }, null, 2)}\n`, 0o600)
}
