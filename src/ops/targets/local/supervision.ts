import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, open, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { TargetError } from '../errors.ts'
import type { LocalLayout } from './local-layout.ts'
import { KILL_MS, POLL_MS, START_MS, STOP_MS, SUPERVISOR_STOP_MS } from './limits.ts'
import { writeWhole } from '../../host/durable-file.ts'
import { isAlive, isGoneWithin, signalProcess, type ProcessRef } from '../../host/process.ts'
import {
  nodeOf,
  readSupervisorState,
  supervisorOf,
  type SupervisorState,
} from './supervisor-state.ts'

/** Starting and ending supervisors from outside. */

/** What a node's process gets of this one's environment: as little as a service manager would give. */
const passedOn = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR']

/**
 * Starts a supervisor that outlives this process, and waits until it has started the node.
 *
 * @param command the Node.js that it and the node run with, and its own program, both absolute
 * @throws TargetError when it does not come up
 */
export async function launchSupervisor(
  name: string,
  layout: LocalLayout,
  command: readonly [runtime: string, program: string],
  signal: AbortSignal,
): Promise<void> {
  for (const folder of [layout.run, layout.log, layout.data]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
  const launch = randomUUID()
  await writeWhole(layout.launch, launch, 0o600)
  const log = await open(layout.supervisorLog, 'a', 0o600)
  const env = Object.fromEntries(
    passedOn.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])),
  )
  const [runtime, program] = command
  const supervisor = spawn(runtime, [program, layout.root, launch], {
    cwd: layout.root,
    detached: true,
    env,
    stdio: ['ignore', log.fd, log.fd],
  })
  const ended = new AbortController()
  supervisor.once('exit', (code) => ended.abort(new Error(`it exited with code ${code}`)))
  supervisor.once('error', (error) => ended.abort(error))
  supervisor.unref()
  await log.close()

  const until = performance.now() + START_MS
  while (!ended.signal.aborted && performance.now() < until) {
    if (hasStarted(await readSupervisorState(layout.supervisorState), supervisor.pid)) return
    await delay(POLL_MS, undefined, { signal })
  }
  // It ends by itself when the node refuses its settings.
  if (hasStarted(await readSupervisorState(layout.supervisorState), supervisor.pid)) return
  throw new TargetError('not-started', `${name}: its supervisor did not come up`, {
    hint: `see ${layout.supervisorLog}`,
    cause: ended.signal.reason,
  })
}

/**
 * Ends a supervisor and its node, gracefully, then by force. Does nothing when neither runs.
 *
 * @throws TargetError when a process does not even end by force
 */
export async function stopSupervised(
  name: string,
  layout: LocalLayout,
  signal: AbortSignal,
): Promise<void> {
  // First of all, so that one which was started but is not in the state file yet does not go on.
  await rm(layout.launch, { force: true })
  const before = await readSupervisorState(layout.supervisorState)
  if (before === null) return
  const supervisor = supervisorOf(before)
  if (signalProcess(supervisor, 'SIGTERM')) {
    if (!(await isGoneWithin(supervisor, SUPERVISOR_STOP_MS, signal))) await end(name, supervisor)
  }
  // Left behind by a supervisor that was killed, now or earlier.
  const after = await readSupervisorState(layout.supervisorState)
  const node = nodeOf(after ?? before)
  if (node === null || !signalProcess(node, 'SIGTERM')) return
  if (!(await isGoneWithin(node, STOP_MS, signal))) await end(name, node)
}

async function end(name: string, ref: ProcessRef): Promise<void> {
  signalProcess(ref, 'SIGKILL')
  const limit = new AbortController().signal
  if (await isGoneWithin(ref, KILL_MS, limit)) return
  throw new TargetError('not-stopped', `${name}: process ${ref.pid} does not end`, {
    hint: 'it may hang in the kernel; look at it with ps',
  })
}

/** The node runs, or ended already: its gate says more than a wait here could. */
function hasStarted(state: SupervisorState | null, pid: number | undefined): boolean {
  if (state === null || state.supervisorPid !== pid) return false
  const node = nodeOf(state)
  return state.lastExit !== null || (node !== null && isAlive(node))
}
