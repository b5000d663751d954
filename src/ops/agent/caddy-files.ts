import { hash } from 'node:crypto'
import { readFile, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { caddyFilesOf } from '../desired/caddy-files.ts'
import { HOST_FOLDER } from '../desired/host-files.ts'
import { flushDirectory, holds, writeWhole, type Owner } from '../host/durable-file.ts'
import { TargetError } from '../targets/errors.ts'
import type { Layout } from '../targets/placement/layout.ts'
import { namesIn } from '../targets/placement/releases.ts'
import { CADDY_USER } from './caddy.ts'
import { addImport, caddyfile, caddyFolder, removeImport } from './caddy-import.ts'
import type { Host } from './host.ts'

/**
 * What Caddy of the host has of a node: files in a folder of ours, and one line in Caddy's own file that
 * includes it. Nothing else of that file is touched. What Caddy was last told to load is noted, so that
 * it is told again after a crash, and not without need.
 */

const folderOf = ({ etc }: Host): string => caddyFolder(etc)
const caddyfileOf = ({ etc }: Host): string => caddyfile(etc)
const loadedFile = (host: Host): string => join(host.root, 'run', 'caddy')

type Files = ReadonlyMap<string, string>

/** Has Caddy serve what the current generation says, or nothing. Nothing changes when it does so already. */
export async function installCaddyFiles(
  host: Host,
  layout: Layout,
  signal: AbortSignal,
): Promise<void> {
  const wanted = await readFiles(join(layout.currentSettings, HOST_FOLDER), host.node)
  if (wanted.size === 0) return removeCaddyFiles(host, signal)
  const before = await readFiles(folderOf(host), host.node)
  const user = await host.users.find(CADDY_USER)
  await place(host, wanted, user)
  const added = await addImport(host.etc)
  const loaded = await readFile(loadedFile(host), 'utf8').catch(() => '')
  const isLoaded = !added && digestOf(before) === digestOf(wanted) && loaded === digestOf(wanted)
  if (isLoaded && (await host.caddy.isRunning(signal))) return

  const problem = await host.caddy.problemIn(caddyfileOf(host), user, signal)
  if (problem !== null) {
    // Whoever restarts Caddy meanwhile must find what works.
    if (added) await removeImport(host.etc)
    await place(host, before, user)
    throw new TargetError('caddy-refuses', `Caddy refuses what it is given for ${host.node}`, {
      hint: `look at ${caddyfileOf(host)} on the host; it said: ${problem}`,
    })
  }
  await host.caddy.load(signal)
  await writeWhole(loadedFile(host), digestOf(wanted), 0o600)
}

/** Takes the node from Caddy, which goes on with what else it serves. */
export async function removeCaddyFiles(host: Host, signal: AbortSignal): Promise<void> {
  const held = await readFiles(folderOf(host), host.node)
  await place(host, new Map(), null)
  const isLast = !(await namesIn(folderOf(host))).some((name) => name.endsWith('.caddy'))
  const isChanged = (isLast && (await removeImport(host.etc))) || held.size > 0
  if (isLast) await rmdir(folderOf(host)).catch(() => undefined)
  if (isChanged && (await host.caddy.isRunning(signal))) await host.caddy.load(signal)
  await rm(loadedFile(host), { force: true })
}

/** Paths of what Caddy has of the node. */
export async function installedCaddyFiles(host: Host): Promise<string[]> {
  const held = await readFiles(folderOf(host), host.node)
  return [...held.keys()].map((name) => join(folderOf(host), name))
}

async function place(host: Host, files: Files, user: Owner | null): Promise<void> {
  const { key, ...others } = caddyFilesOf(host.node)
  const readers = user === null ? null : { uid: 0, gid: user.gid }
  await placeFile(host, key, files.get(key), 0o640, readers)
  for (const name of Object.values(others))
    await placeFile(host, name, files.get(name), 0o644, null)
}

async function placeFile(
  host: Host,
  name: string,
  text: string | undefined,
  mode: number,
  owner: Owner | null,
): Promise<void> {
  const path = join(folderOf(host), name)
  if (text === undefined) await rm(path, { force: true })
  else if (!(await holds(path, text, mode))) {
    await writeWhole(path, text, mode, owner)
    await flushDirectory(folderOf(host))
  }
}

async function readFiles(folder: string, node: string): Promise<Files> {
  const found = Object.values(caddyFilesOf(node)).map(async (name) => {
    const text = await readFile(join(folder, name), 'utf8').catch(() => null)
    return text === null ? [] : [[name, text] as const]
  })
  return new Map((await Promise.all(found)).flat())
}

const digestOf = (files: Files): string => hash('sha256', JSON.stringify([...files]))
