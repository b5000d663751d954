import { hash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Architectures that servers may have, as Node.js names them. */
const architectures = ['x64', 'arm64'] as const

interface LockedPackage {
  version: string
  integrity: string
}

/**
 * Writes down which Node.js servers get: the version and the integrity that package-lock.json pins,
 * and the digest of the program where this machine has it. An installed CLI has no such lock.
 */
export async function writeRuntimeList(root: string, directory: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>
  }
  const packages = await Promise.all(
    architectures.map(async (architecture) => {
      const name = `node-linux-${architecture}`
      const locked = lock.packages[`node_modules/${name}`]
      if (locked === undefined) throw new Error(`package-lock.json does not pin ${name}`)
      const { version, integrity } = locked
      const sha256 = await digestOf(join(root, 'node_modules', name, 'bin/node'))
      return { architecture, name, version, integrity, sha256 }
    }),
  )
  const versions = new Set(packages.map((one) => one.version))
  const [version] = versions
  if (versions.size !== 1) throw new Error('servers would get different versions of Node.js')
  const list = {
    version,
    packages: Object.fromEntries(
      packages.map(({ architecture, name, integrity, sha256 }) => [
        architecture,
        { name, integrity, sha256 },
      ]),
    ),
  }
  await writeFile(join(directory, 'runtime.json'), `${JSON.stringify(list, null, 2)}\n`)
}

/** Null where the package of another architecture is not installed. */
async function digestOf(path: string): Promise<string | null> {
  try {
    return hash('sha256', await readFile(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
