import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { DesiredFile } from '../../ops/desired/desired-file.ts'
import { renderLattice, secretVariablesOf } from '../../ops/desired/files.ts'
import { OperatorError } from '../../ops/errors.ts'
import type { App, Outcome } from '../command.ts'
import { withLattice } from '../lattice.ts'
import { openInventory } from '../opened-inventory.ts'
import { readManifest } from '../../ops/release/artifact.ts'
import { hostPartsOf } from '../host-parts.ts'
import { formatRendered } from '../output/rendered.ts'
import { artifactDirectory } from '../phase-files.ts'

/** Writes what every node would be given, but for secrets, which are only named. */
export async function render(app: App, options: { out: string }): Promise<Outcome> {
  const inventory = await openInventory(app)
  return withLattice(app, inventory, async ({ desired, ca }) => {
    const directory = resolve(options.out)
    const manifest = await readManifest(artifactDirectory(app.home))
    const files = renderLattice(desired, await hostPartsOf(app.home, manifest, ca))
    if (!app.options.dryRun) for (const file of files) await write(directory, file)

    const secrets = desired.nodes.map((node) => ({
      node: node.name,
      variables: secretVariablesOf(node),
    }))
    const paths = files.map((file) => file.path)
    const isDryRun = app.options.dryRun
    return {
      exit: 'done',
      json: { directory, files: paths, secrets, written: !isDryRun },
      text: (paint) => formatRendered({ directory, paths, secrets, isDryRun }, paint),
    }
  })
}

async function write(directory: string, { path, text, mode }: DesiredFile): Promise<void> {
  const to = join(directory, path)
  try {
    await mkdir(dirname(to), { recursive: true })
    await writeFile(to, text, { mode })
    // The mode above counts for new files only.
    await chmod(to, mode)
  } catch (error) {
    throw new OperatorError('unwritable', `${to} cannot be written`, {
      exit: 'badInput',
      hint: 'name another folder with --out',
      cause: error,
    })
  }
}
