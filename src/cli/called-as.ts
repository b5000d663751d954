import { basename, relative } from 'node:path'
import type { GlobalOptions } from './command.ts'

/**
 * What the operator types to call this program again, so that every command that is shown works as
 * it stands. `script` is what Node.js was started with.
 */
export function calledAs(
  script: string,
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (environment['npm_command'] === 'exec') return 'npx aethel-lattice'
  if (basename(script) === 'aethel-lattice') return 'aethel-lattice'
  const path = relative(directory, script)
  return `node ${quoted(path.startsWith('..') ? script : path)}`
}

/** A command line of this program that works where the operator stands, on the same lattice. */
export function commandLine(
  call: string,
  rest: string,
  options: Pick<GlobalOptions, 'file' | 'phase'> | null,
): string {
  const words = [call, rest]
  const isTold = rest.endsWith('--help')
  if (options !== null && !isTold) {
    // Without a phase, `down` means this machine, and all else every node.
    const isDefault = options.phase === 'full' && !/^down\b/.test(rest)
    if (!isDefault && !rest.includes('--phase')) words.push('--phase', options.phase)
    if (options.file !== 'nodes.yaml') words.push('--file', quoted(options.file))
  }
  return words.join(' ')
}

/** `text` with every `"aethel-lattice …"` in it made a command line that works as it stands. */
export const withCommandLines = (
  text: string,
  call: string,
  options: Pick<GlobalOptions, 'file' | 'phase'> | null,
): string =>
  text.replace(
    /"aethel-lattice ([^"\n]+)"/g,
    (_all, rest: string) => `"${commandLine(call, rest, options)}"`,
  )

/** A word as a POSIX shell takes it. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
