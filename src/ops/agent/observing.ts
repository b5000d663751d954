import {
  checkSettings,
  heldGenerations,
  observeCurrent,
  readContents,
} from '../targets/placement/generations.ts'
import { SERVICE_USER } from '../desired/host-files.ts'
import { generationFolder } from '../targets/placement/layout.ts'
import { checkRelease } from '../targets/placement/releases.ts'
import { TargetError } from '../targets/errors.ts'
import type {
  Contents,
  Generation,
  Holding,
  ObservedNode,
  ObservedProcess,
} from '../targets/target.ts'
import { layoutOn, unitsOf, type Host } from './host.ts'
import type { PairState, ServiceState } from './service-manager.ts'

/** The acts that change nothing. */

/** Exits in a row from which on a node counts as failing, as on the operator's own machine. */
const FAILING_RESTARTS = 3

export async function observe(host: Host, signal: AbortSignal): Promise<ObservedNode> {
  const layout = await layoutOn(host)
  const [found, pair, held] = await Promise.all([
    observeCurrent(layout),
    pairOf(host, signal),
    heldGenerations(layout),
  ])
  return {
    name: host.node,
    current: found?.current ?? null,
    contents: found?.contents ?? null,
    lacks: layout.owner === null ? [`user ${SERVICE_USER}`] : [],
    overrides: pair.dropIns,
    process: processIn(pair),
    held,
  }
}

export async function read(host: Host, generation: Generation): Promise<Contents> {
  const contents = await readContents(await layoutOn(host), generation)
  if (contents !== null) return contents
  const what = generationFolder(generation)
  throw new TargetError('not-staged', `${host.node} does not hold ${what}`)
}

export async function check(host: Host, generation: Generation): Promise<Holding> {
  const layout = await layoutOn(host)
  const settings = await checkSettings(layout, generation)
  return settings === 'intact' ? checkRelease(layout, generation.release) : settings
}

export const observeProcess = async (host: Host, signal: AbortSignal): Promise<ObservedProcess> =>
  processIn(await pairOf(host, signal))

async function pairOf(host: Host, signal: AbortSignal): Promise<PairState> {
  const { service, socket } = unitsOf(host.node)
  return host.services.serviceAndSocket(service, socket, signal)
}

function processIn({ service: found, isListening }: PairState): ObservedProcess {
  const { pid, startedAt, restarts, lastExit } = found
  const isSupervised = found.state !== 'ended' && found.isKept
  return {
    state: stateOf(found, isListening),
    isSupervised,
    pid,
    startedAt,
    restarts,
    lastExit,
  }
}

function stateOf(service: ServiceState, isListening: boolean): ObservedProcess['state'] {
  // With its socket listening, the next connection starts it: it is meant to be up.
  if (service.state === 'ended') return isListening ? 'failing' : 'stopped'
  const isSteady = service.state === 'running' && service.restarts < FAILING_RESTARTS
  return isSteady && service.isKept ? 'running' : 'failing'
}
