import { TargetError } from '../targets/errors.ts'
import { passFence } from '../targets/placement/fence.ts'
import {
  checkSettings,
  currentGeneration,
  keepEditedSettings,
  observeCurrent,
  pruneGenerations,
  switchTo,
  switchToNothing,
} from '../targets/placement/generations.ts'
import { generationFolder, type Layout } from '../targets/placement/layout.ts'
import { pruneReleases } from '../targets/placement/releases.ts'
import type { Generation, Previous } from '../targets/target.ts'
import { installCaddyFiles, removeCaddyFiles } from './caddy-files.ts'
import { endFirewallUnlessIn, loadFirewall } from './firewall.ts'
import { installHostFiles, isInstalled, removeHostFiles, type ChangedUnits } from './host-files.ts'
import { layoutOn, unitsOf, type Host } from './host.ts'
import { KILL_MS, LOOKED_MS_MAX } from './limits.ts'
import { noteLife } from './life.ts'
import { observeProcess } from './observing.ts'
import type { UnitLook } from './service-manager.ts'
import { isGoneWithin, processOf } from '../host/process.ts'

/** The acts that change what runs. `fence` is looked at right before the link is switched. */

/**
 * Switches the link in one act, then brings the host's files in line, then has the service restarted.
 * The port is held by the socket unit all the while, so whoever connects meanwhile waits and is not
 * refused. A crash before the switch leaves all as it was; after it, the old process runs until the
 * same is asked again, and units that are older than the generation show as drift.
 */
export async function activate(
  host: Host,
  generation: Generation,
  fence: number,
  signal: AbortSignal,
): Promise<void> {
  const looked = await change(host, generation, fence, signal)
  await run(host, 'restart', signal, looked)
}

export async function restore(
  host: Host,
  previous: Previous,
  fence: number,
  signal: AbortSignal,
): Promise<void> {
  const { generation, state } = previous
  const layout = await layoutOn(host)
  await passFence(layout, host.node, fence)
  if (state === 'stopped' || generation === null) await stop(host, signal)
  if (await isAlready(host, layout, previous, signal)) return
  if (generation === null) {
    const removed = await removeHostFiles(host)
    if (removed.size > 0) await host.services.reload(signal)
    await removeCaddyFiles(host, signal)
    await switchToNothing(layout)
  } else if (state === 'stopped') await change(host, generation, fence, signal)
  else await activate(host, generation, fence, signal)
}

export async function prune(host: Host, keep: readonly Generation[], fence: number): Promise<void> {
  const layout = await layoutOn(host)
  await passFence(layout, host.node, fence)
  const kept = await pruneGenerations(layout, keep)
  await pruneReleases(layout, new Set(kept.map((generation) => generation.release)))
}

/** Ended, and not started with the host or by a connection. */
export async function stop(host: Host, signal: AbortSignal): Promise<void> {
  const { service, socket, firewall } = unitsOf(host.node)
  await host.services.disable([socket, service, firewall], signal)
  await host.services.stop([socket, service, firewall], signal)
}

export async function start(host: Host, signal: AbortSignal): Promise<void> {
  await run(host, 'start', signal)
}

/** Resolves when the process is gone; what restarts it stays. */
export async function kill(host: Host, signal: AbortSignal): Promise<void> {
  const { service } = unitsOf(host.node)
  const { pid } = await host.services.service(service, signal)
  const ref = pid === null ? null : processOf(pid)
  if (ref === null) {
    throw new TargetError('not-running', `${host.node} is not running`, {
      hint: 'see "aethel-lattice status"',
    })
  }
  await host.services.kill(service, signal)
  await isGoneWithin(ref, KILL_MS, signal)
}

/**
 * On `generation`, with the host's files that belong to it; what runs is not touched.
 *
 * @returns what was seen of the node's units; nothing when that is no longer true
 */
async function change(
  host: Host,
  generation: Generation,
  fence: number,
  signal: AbortSignal,
): Promise<readonly UnitLook[]> {
  const layout = await layoutOn(host)
  if ((await checkSettings(layout, generation)) === 'absent') {
    const what = generationFolder(generation)
    throw new TargetError('not-staged', `${host.node} does not hold ${what}`)
  }
  // Meanwhile: units whose files are installed below are stale in any case.
  const lookedMs = performance.now()
  const looking = host.services.look(Object.values(unitsOf(host.node)), signal)
  looking.catch(() => undefined)
  await keepEditedSettings(layout)
  signal.throwIfAborted()
  await passFence(layout, host.node, fence)
  await switchTo(layout, generation)
  await endFirewallUnlessIn(host, layout, signal)
  const installed = await installHostFiles(host, layout)
  const looked = await looking
  const stale = looked.filter((look) => look.isStale).map((look) => look.unit)
  const changed = new Set([...installed, ...stale])
  await applyHostFiles(host, changed, signal)
  await installCaddyFiles(host, layout, signal)
  const isTrue = changed.size === 0 && performance.now() - lookedMs < LOOKED_MS_MAX
  return isTrue ? looked : []
}

/**
 * A socket listens as its unit said when it was started; only a stop makes it listen elsewhere. Units
 * are stale, too, when a crash came between their installation and this.
 */
async function applyHostFiles(
  host: Host,
  changed: ChangedUnits,
  signal: AbortSignal,
): Promise<void> {
  const { service, socket } = unitsOf(host.node)
  if (changed.size === 0) return
  if (changed.has(socket)) await host.services.stop([socket, service], signal)
  await host.services.reload(signal)
}

async function run(
  host: Host,
  verb: 'start' | 'restart',
  signal: AbortSignal,
  looked: readonly UnitLook[] = [],
): Promise<void> {
  const { service, socket } = unitsOf(host.node)
  const layout = await layoutOn(host)
  if ((await currentGeneration(layout)) === null || !(await isInstalled(host, service))) {
    throw new TargetError('not-deployed', `${host.node} has nothing to start`, {
      hint: 'run "aethel-lattice deploy" first',
    })
  }
  await loadFirewall(host, signal)
  const sockets = (await isInstalled(host, socket)) ? [socket] : []
  await noteLife(host, await host.services.run(verb, service, sockets, signal, looked))
}

/** Whether nothing has to be done to be `previous` again. */
async function isAlready(
  host: Host,
  layout: Layout,
  previous: Previous,
  signal: AbortSignal,
): Promise<boolean> {
  const current = (await observeCurrent(layout))?.current
  if (current?.release !== previous.generation?.release) return false
  if (current?.settings !== previous.generation?.settings) return false
  const { state, lastExit } = await observeProcess(host, signal)
  return state === previous.state && (state !== 'running' || lastExit === null)
}
