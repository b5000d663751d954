import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { SERVICE_USER } from '../desired/host-files.ts'
import { passFence } from '../targets/placement/fence.ts'
import { namesIn } from '../targets/placement/releases.ts'
import { dataIn, partsOf, removeNode } from '../targets/placement/removal.ts'
import type { Teardown, Trace, Traces } from '../targets/target.ts'
import { installedCaddyFiles, removeCaddyFiles } from './caddy-files.ts'
import { installedHostFiles, removeHostFiles } from './host-files.ts'
import { layoutOn, unitsOf, type Host } from './host.ts'
import { observeProcess } from './observing.ts'
import { stop } from './switching.ts'

/** The acts that find and remove all of a node on its host. */

export async function traces(host: Host, signal: AbortSignal): Promise<Traces> {
  const layout = await layoutOn(host)
  const { state } = await observeProcess(host, signal)
  const others = await otherNodes(host)
  const caddyFiles = await installedCaddyFiles(host)
  const hasUser = layout.owner !== null
  const user = `user ${SERVICE_USER}: it runs ${others.join(', ')}, too`
  return {
    isRunning: state !== 'stopped',
    found: [
      ...[...(await installedHostFiles(host)), ...caddyFiles].map((name): Trace => ({
        kind: 'file',
        name,
      })),
      ...(await Promise.all((await partsOf(layout)).map(traceOf))),
      ...(hasUser && others.length === 0 ? [{ kind: 'user' as const, name: SERVICE_USER }] : []),
    ],
    data: await dataIn(layout),
    stays: [
      ...(hasUser && others.length > 0 ? [user] : []),
      ...(caddyFiles.length > 0 ? ['package caddy: it runs on, with what else it serves'] : []),
    ],
    unseen: null,
  }
}

/**
 * Takes the node off the host: what starts it first, then its files, the record and what acts here
 * last, so that a teardown which was cut can be done again.
 */
export async function teardown(
  host: Host,
  how: Teardown,
  fence: number,
  signal: AbortSignal,
): Promise<string[]> {
  const layout = await layoutOn(host)
  await passFence(layout, host.node, fence)
  const others = await otherNodes(host)
  await stop(host, signal)
  const removed = await removeHostFiles(host)
  if (removed.size > 0) await host.services.reload(signal)
  await host.services.forget(Object.values(unitsOf(host.node)), signal)
  await removeCaddyFiles(host, signal)
  signal.throwIfAborted()
  const left = await removeNode(layout, how)
  if (layout.owner !== null && others.length === 0) await host.users.remove(SERVICE_USER, signal)
  return left
}

/** Names of other nodes that this host runs, which share the user. */
async function otherNodes({ etc, node }: Host): Promise<string[]> {
  const units = (await namesIn(join(etc, 'systemd/system'))).flatMap(
    (name) => /^aethel-lattice-([^.]+)\.service$/.exec(name)?.[1] ?? [],
  )
  return units.filter((name) => name !== node)
}

const traceOf = async (name: string): Promise<Trace> => ({
  kind: (await lstat(name)).isDirectory() ? 'folder' : 'file',
  name,
})
