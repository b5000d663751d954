import { readFile } from 'node:fs/promises'
import type { ExitReport, ObservedProcess } from '../target.ts'
import { FAILING_EXITS } from './limits.ts'
import { isAlive, type ProcessRef } from '../../host/process.ts'

/**
 * What a supervisor writes to `run/supervisor.json` after every change. It is the only writer; a file
 * that a killed supervisor left behind is told from a living one by the processes' starts.
 */
export interface SupervisorState {
  supervisorPid: number
  supervisorStart: string
  nodePid: number | null
  nodeStart: string | null
  /** Start of the node's process, ISO 8601. */
  startedAt: string | null
  restarts: number
  /** Exits in a row without a steady run between them. */
  exitsInRow: number
  /** The generation that the node was last started with. */
  release: string | null
  settings: string | null
  lastExit: ExitReport | null
}

/** Null when there is no file, or none that a supervisor wrote. */
export async function readSupervisorState(path: string): Promise<SupervisorState | null> {
  try {
    const state = JSON.parse(await readFile(path, 'utf8')) as SupervisorState
    return Number.isInteger(state.supervisorPid) ? state : null
  } catch {
    return null
  }
}

export const supervisorOf = (state: SupervisorState): ProcessRef => ({
  pid: state.supervisorPid,
  start: state.supervisorStart,
})

/** The node's process as it was last started; it may be gone. */
export const nodeOf = ({ nodePid: pid, nodeStart: start }: SupervisorState): ProcessRef | null =>
  pid === null || start === null ? null : { pid, start }

/** What is true now about the processes of a state file. */
export function observeProcess(state: SupervisorState | null): ObservedProcess {
  if (state === null) {
    return {
      state: 'stopped',
      isSupervised: false,
      pid: null,
      startedAt: null,
      restarts: 0,
      lastExit: null,
    }
  }
  const node = nodeOf(state)
  const isUp = node !== null && isAlive(node)
  const { restarts, lastExit } = state
  const isSupervised = isAlive(supervisorOf(state))
  const isSteady = isUp && state.exitsInRow < FAILING_EXITS
  const supervised = isSteady ? 'running' : 'failing'
  // A node without its supervisor serves, but nobody would start it again.
  const unsupervised = isUp ? 'failing' : 'stopped'
  return {
    state: isSupervised ? supervised : unsupervised,
    isSupervised,
    pid: isUp ? node.pid : null,
    startedAt: isUp ? state.startedAt : null,
    restarts,
    lastExit,
  }
}
