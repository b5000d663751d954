import { randomUUID } from 'node:crypto'
import { globSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Lab, type LabOptions } from './lab.ts'

/** Where labs of tests lie: told from those that somebody keeps. */
export const testLabPrefix = join(tmpdir(), 'aethel-lab-test-')

/**
 * A lab of one test file's own, to be taken down by it. Labs of test runs that were killed go first:
 * their hosts outlive them.
 */
export async function upTestLab(options: Omit<LabOptions, 'directory'> = {}): Promise<Lab> {
  for (const record of globSync(`${testLabPrefix}*/lab.json`))
    await Lab.downIfAbandoned(dirname(record))
  return Lab.up({ ...options, directory: `${testLabPrefix}${randomUUID()}`, ownerId: process.pid })
}
