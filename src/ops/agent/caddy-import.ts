import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { flushDirectory, writeWhole } from '../host/durable-file.ts'

/** The line in Caddy's own file that includes our sites. `etc` is the host's folder of settings. */

/** Where our sites lie. */
export const caddyFolder = (etc: string): string => join(etc, 'caddy/aethel-lattice')
export const caddyfile = (etc: string): string => join(etc, 'caddy/Caddyfile')

const importLine = (etc: string): string => `import ${join(caddyFolder(etc), '*.caddy')}`

const isOurs = (etc: string, line: string): boolean => line.trim() === importLine(etc)

/** Whether Caddy reads what lies in our folder. */
export async function isImported(etc: string): Promise<boolean> {
  const text = await readFile(caddyfile(etc), 'utf8').catch(() => '')
  return text.split('\n').some((line) => isOurs(etc, line))
}

/** @returns whether it was missing */
export async function addImport(etc: string): Promise<boolean> {
  if (await isImported(etc)) return false
  await change(etc, (text) => {
    const start = text === '' || text.endsWith('\n') ? text : `${text}\n`
    return `${start}${importLine(etc)}\n`
  })
  return true
}

/** @returns whether it was there */
export async function removeImport(etc: string): Promise<boolean> {
  if (!(await isImported(etc))) return false
  await change(etc, (text) =>
    text
      .split('\n')
      .filter((line) => !isOurs(etc, line))
      .join('\n'),
  )
  return true
}

/** It may be a link to where an administrator keeps it, and keeps its owner and mode. */
async function change(etc: string, to: (text: string) => string): Promise<void> {
  const path = await realpath(caddyfile(etc)).catch(() => caddyfile(etc))
  const held = await stat(path).catch(() => null)
  const text = await readFile(path, 'utf8').catch(() => '')
  const mode = (held?.mode ?? 0o644) & 0o777
  await writeWhole(path, to(text), mode, held === null ? null : { uid: held.uid, gid: held.gid })
  await flushDirectory(dirname(path))
}
