import { spawn, type ChildProcess } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ExitReport } from '../target.ts'
import { GENERATION_FILE } from '../placement/layout.ts'
import { CHORES_MS, STOP_MS } from './limits.ts'
import { localLayoutOf, type LocalLayout } from './local-layout.ts'
import { rotateLog } from './log-file.ts'
import { processOf, type ProcessRef } from '../../host/process.ts'
import type { Manifest } from '../../../wire/manifest.ts'
import { exitsInRowAfter, isWorthRestarting, restartDelayMs } from './restart.ts'
import type { SupervisorState } from './supervisor-state.ts'

/**
 * Keeps the node of one folder running until `stopped` aborts, then ends it gracefully. Returns too
 * when the node says that its settings are wrong, and when another launch has taken this one's place.
 *
 * Who stops a node first takes the launch away and then reads the state file; a supervisor first
 * writes the state file and then reads the launch. So one that was just started is either found or
 * sees that it is not wanted. Killed outright it leaves the node running: the state file names it.
 */
export async function supervise(
  root: string,
  launch: string,
  stopped: AbortSignal,
  { stopMs = STOP_MS }: { stopMs?: number } = {},
): Promise<void> {
  const layout = localLayoutOf(root)
  const self = processOf(process.pid)
  const isWanted = (): boolean => readText(layout.launch) === launch
  if (self === null || !isWanted()) return

  let state = firstState(self)
  writeState(layout, state)
  const chores = setInterval(() => {
    void rotateLog(layout)
    // One whose launch was taken away may have registered late, over this one.
    if (isWanted() && ownerOf(layout) !== self.pid) writeState(layout, state)
  }, CHORES_MS)
  while (!stopped.aborted && isWanted()) {
    const startedMs = performance.now()
    const { exit, ran } = await runNode(layout, state, stopped, stopMs, (now) => (state = now))
    const exitsInRow = exitsInRowAfter(state.exitsInRow, performance.now() - startedMs)
    state = { ...ran, nodePid: null, nodeStart: null, startedAt: null, exitsInRow, lastExit: exit }
    writeState(layout, state)
    if (stopped.aborted || !isWorthRestarting(exit)) break

    const delayMs = restartDelayMs(exitsInRow)
    note(layout, 40, `node ${describeExit(exit)}; starting it again in ${delayMs / 1000} s`)
    await delay(delayMs, undefined, { signal: stopped }).catch(() => undefined)
    state = { ...state, restarts: state.restarts + 1 }
  }
  clearInterval(chores)
  const last = state.lastExit === null ? '' : `; node ${describeExit(state.lastExit)}`
  note(layout, 30, `supervision ended${last}`)
}

const firstState = (self: ProcessRef): SupervisorState => ({
  supervisorPid: self.pid,
  supervisorStart: self.start,
  nodePid: null,
  nodeStart: null,
  startedAt: null,
  restarts: 0,
  exitsInRow: 0,
  release: null,
  settings: null,
  lastExit: null,
})

/** One life of the node. */
async function runNode(
  layout: LocalLayout,
  state: SupervisorState,
  stopped: AbortSignal,
  stopMs: number,
  onStarted: (state: SupervisorState) => void,
): Promise<{ exit: ExitReport; ran: SupervisorState }> {
  let node: ChildProcess
  let ran = state
  try {
    const generation = readJson(join(layout.current, GENERATION_FILE))
    ran = {
      ...state,
      release: generation['release'] ?? null,
      settings: generation['settings'] ?? null,
    }
    node = startNode(layout)
  } catch (error) {
    return { exit: exitOf(null, null, error), ran }
  }
  const ended = exitOfProcess(node)
  const ref = node.pid === undefined ? null : processOf(node.pid)
  ran = { ...ran, nodePid: ref?.pid ?? null, nodeStart: ref?.start ?? null, startedAt: nowIso() }
  onStarted(ran)
  writeState(layout, ran)

  let force: NodeJS.Timeout | undefined
  const stop = (): void => {
    node.kill('SIGTERM')
    force = setTimeout(() => node.kill('SIGKILL'), stopMs)
  }
  if (stopped.aborted) stop()
  else stopped.addEventListener('abort', stop, { once: true })
  const exit = await ended
  stopped.removeEventListener('abort', stop)
  clearTimeout(force)
  return { exit, ran }
}

/**
 * Run with the Node.js that this runs with, which the target keeps where no installation takes it away.
 * The log is the node's own file, not a pipe through here: the node outlives a killed supervisor.
 */
function startNode(layout: LocalLayout): ChildProcess {
  const { entry, flags } = JSON.parse(readFileSync(layout.currentManifest, 'utf8')) as Manifest
  const log = openSync(layout.nodeLog, 'a')
  try {
    return spawn(process.execPath, [...flags, join(layout.currentRelease, entry)], {
      cwd: layout.shared,
      env: process.env,
      stdio: ['ignore', log, log],
    })
  } finally {
    closeSync(log)
  }
}

async function exitOfProcess(node: ChildProcess): Promise<ExitReport> {
  return new Promise((resolve) => {
    node.once('error', (error) => resolve(exitOf(null, null, error)))
    node.once('exit', (code, signal) => resolve(exitOf(code, signal, null)))
  })
}

const exitOf = (code: number | null, signal: string | null, error: unknown): ExitReport => ({
  code,
  signal,
  error: error instanceof Error ? error.message : null,
  at: nowIso(),
})

const describeExit = (exit: ExitReport): string =>
  exit.error ??
  (exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`)

const nowIso = (): string => new Date().toISOString()

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/** Whose the state file is. */
function ownerOf(layout: LocalLayout): number | null {
  try {
    return Number(readJson(layout.supervisorState)['supervisorPid'])
  } catch {
    return null
  }
}

function readJson(path: string): Record<string, string> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>
}

/** A full disk must not end the supervision; the file is then old, which its readers can tell. */
function writeState(layout: LocalLayout, state: SupervisorState): void {
  const unfinished = `${layout.supervisorState}.${process.pid}`
  try {
    writeFileSync(unfinished, `${JSON.stringify(state)}\n`, { mode: 0o600 })
    renameSync(unfinished, layout.supervisorState)
  } catch (error) {
    note(layout, 50, `cannot write ${layout.supervisorState}: ${String(error)}`)
  }
}

/** A line in the node's log, in the form of the node's own. */
function note(layout: LocalLayout, level: number, msg: string): void {
  try {
    const line = { level, time: Date.now(), name: 'supervisor', msg }
    appendFileSync(layout.nodeLog, `${JSON.stringify(line)}\n`)
  } catch {
    // Nowhere left to say it.
  }
}
