import { constants } from 'node:fs'
import { copyFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { OperatorError } from '../../ops/errors.ts'
import { commandLine } from '../called-as.ts'
import type { App, Outcome } from '../command.ts'
import type { Paint } from '../output/paint.ts'
import { table } from '../output/table.ts'

/** Writes the nodes.yaml that this program comes with. One that is there is never touched. */
export async function init(app: App): Promise<Outcome> {
  const { options, home } = app
  const path = resolve(options.file)
  const wasThere = options.dryRun
    ? await isThere(path)
    : !(await copyNew(join(home, 'nodes.yaml'), path))
  const what = wasThere
    ? 'is there and stays as it is'
    : options.dryRun
      ? 'would be written'
      : 'written'
  return {
    exit: 'done',
    json: { file: path, written: !wasThere && !options.dryRun },
    text: (paint) =>
      [
        `${paint.good('✔')} ${path} ${what}`,
        'It explains itself: edit it, keep keys/ and .lattice/ beside it out of version control, then',
        ways(app, paint),
      ].join('\n'),
  }
}

function ways({ options: { file }, calledAs }: App, paint: Paint): string {
  const call = (rest: string): string =>
    paint.command(commandLine(calledAs, rest, { file, phase: 'full' }))
  const rows = [
    [call('deploy --phase local'), 'to try the lattice on this machine'],
    [call('keys'), 'to make the keys of its real nodes'],
  ]
  return table(rows, '  ')
}

/** False: there is one already. */
async function copyNew(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (await isThere(to)) return false
    throw new OperatorError('unwritable', `${to} cannot be written`, {
      exit: 'badInput',
      hint: 'check the folder and its permissions',
      cause: error,
    })
  }
}

/** @throws OperatorError for something that is no file */
async function isThere(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  if (found === null || found.isFile()) return found !== null
  throw new OperatorError('not-a-file', `${path} is there and is no file`, {
    exit: 'badInput',
    hint: 'name a file with --file',
  })
}
