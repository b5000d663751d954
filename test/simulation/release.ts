import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import * as ours from './release-parts.ts'
import type { OtherRelease } from './plan.ts'

export type Release = typeof ours

export type Releases = Record<'ours' | OtherRelease, Release>

/** A bound or pace that another release has: file that defines or imports it → name → value. */
type Differences = Record<string, Record<string, number>>

/**
 * Releases that may run beside ours. What a peer accepts is the same in all of them, since a bound on the
 * wire cannot be changed in one: they differ in when a node speaks, how much it says at once, how much
 * it remembers, and what it reserves.
 */
const differences: Record<OtherRelease, Differences> = {
  older: {
    'src/node/replica/limits.ts': {
      CHECKPOINT_DELAY_MS: 30,
      CHECKPOINT_SPACING_MS: 150,
      CLOCK_RESERVE_US: 200_000,
      CLOCK_RESERVE_MIN_US: 1,
      BEHIND_GRACE_MS: 400,
      RETRY_FIRST_MS: 50,
      FRUITLESS_MAX: 1,
      ARRIVALS_MAX: 4,
      LATE_MAX: 2,
      FORK_WINDOW_FIRST: 1,
      FORK_WINDOW_FACTOR: 2,
    },
    'src/node/sync-answer.ts': { ENTRIES_PER_FRAME_MAX: 3, SYNC_ENTRIES_MAX: 20 },
  },
  newer: {
    'src/node/replica/limits.ts': {
      CHECKPOINT_DELAY_MS: 1,
      CHECKPOINT_SPACING_MS: 5,
      CLOCK_RESERVE_US: 1_000_000,
      BEHIND_GRACE_MS: 20,
      RETRY_FIRST_MS: 500,
      RETRY_MAX_MS: 1000,
      FRUITLESS_MAX: 6,
      P2P_START_GRACE_MS: 300,
    },
    // It does not read what ours kept for itself, nor ours what it keeps.
    'src/node/replica/snapshot.ts': { SNAPSHOT_VERSION: 2 },
  },
}

const root = dirname(dirname(import.meta.dirname))

let made: Promise<Releases> | null = null

/** All releases. The others are bundled once, from our sources with their differences put in. */
export const releases = (): Promise<Releases> => (made ??= makeReleases())

async function makeReleases(): Promise<Releases> {
  const [older, newer] = await Promise.all([otherRelease('older'), otherRelease('newer')])
  return { ours, older, newer }
}

async function otherRelease(name: OtherRelease): Promise<Release> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'release-parts.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    plugins: [withDifferences(differences[name])],
  })
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64')
  return (await import(`data:text/javascript;base64,${code}`)) as Release
}

const withDifferences = (files: Differences): Plugin => ({
  name: 'differences',
  setup(bundling) {
    for (const [file, values] of Object.entries(files)) {
      const path = join(root, file)
      bundling.onLoad(
        { filter: new RegExp(`^${path.replaceAll(/[.\\]/g, '\\$&')}$`) },
        async () => {
          let source = await readFile(path, 'utf8')
          for (const [name, value] of Object.entries(values))
            source = withValue(source, name, value)
          return { contents: source, loader: 'ts' }
        },
      )
    }
  },
})

/** The source with another value for a constant that it defines or imports. Throws for one that it does not. */
function withValue(source: string, name: string, value: number): string {
  const definition = new RegExp(`(?<=^(?:export )?const ${name} = ).+$`, 'm')
  if (definition.test(source)) return source.replace(definition, String(value))
  const imported = new RegExp(`(?<=^import \\{[^}]*)\\b${name}\\b,?(?=[^}]*\\} from)`, 'm')
  if (!imported.test(source)) throw new Error(`no release can differ in ${name}: it is not there`)
  return `const ${name} = ${value}\n${source.replace(imported, '')}`
}
