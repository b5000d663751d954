import { execFile, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { TargetError } from '../targets/errors.ts'
import type { ExitReport, LogOptions } from '../targets/target.ts'
import { COMMAND_BYTES_MAX, COMMAND_MS, SERVICE_MS } from './limits.ts'
import { runningLife } from './running-life.ts'
import type { Life, ServiceManager, ServiceState, UnitLook } from './service-manager.ts'

/** The programs of systemd, by arguments; works with those of Debian 11 and later. */

/** Fixed, so that times and words come in one form and no profile of the host has a say. */
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC', SYSTEMD_PAGER: '' }

const run = promisify(execFile)

export async function systemctl(
  args: readonly string[],
  signal: AbortSignal,
  timeout = COMMAND_MS,
): Promise<string> {
  const { stdout } = await run('systemctl', args, {
    env,
    signal,
    timeout,
    maxBuffer: COMMAND_BYTES_MAX,
  })
  return stdout
}

async function order(
  verb: string,
  units: readonly string[],
  signal: AbortSignal,
  timeout?: number,
): Promise<void> {
  try {
    await systemctl([verb, '--', ...units], signal, timeout)
  } catch (error) {
    signal.throwIfAborted()
    throw new TargetError('service-manager', `systemctl ${verb} ${units.join(' ')} failed`, {
      hint: `it said: ${wordsOf(error)}`,
      cause: error,
    })
  }
}

const wordsOf = (error: unknown): string =>
  (error as { stderr?: string }).stderr?.trim().split('\n').slice(0, 4).join('; ') ?? 'nothing'

async function startUnits(units: readonly string[], signal: AbortSignal): Promise<void> {
  await orderStart('start', await lookAt(units, signal), signal)
}

/**
 * A start that "failed" did start the process when the unit's life is another one now. The restarts of
 * the process before are forgotten: systemd keeps their count when it is told to start a unit that waits
 * for its next try.
 */
async function orderStart(
  verb: 'start' | 'restart',
  before: readonly UnitLook[],
  signal: AbortSignal,
): Promise<void> {
  const units = unitsOf(before)
  const counted = before.filter((look) => look.restarts > 0)
  if (counted.length > 0) await order('reset-failed', unitsOf(counted), signal)
  try {
    await order(verb, units, signal, SERVICE_MS)
  } catch (error) {
    const after = await lookAt(units, signal)
    if (after.every(({ invocation }, at) => invocation === before[at]?.invocation)) throw error
  }
}

const unitsOf = (looks: readonly UnitLook[]): string[] => looks.map((look) => look.unit)

async function lookAt(units: readonly string[], signal: AbortSignal): Promise<UnitLook[]> {
  const found = await show(
    ['NeedDaemonReload', 'UnitFileState', 'ActiveState', 'NRestarts', 'InvocationID'],
    units,
    signal,
  )
  return units.map((unit, at) => {
    const values = found[at] ?? {}
    return {
      unit,
      isStale: values['NeedDaemonReload'] === 'yes',
      isEnabled: values['UnitFileState'] === 'enabled',
      isActive: isActive(values),
      restarts: Number(values['NRestarts'] ?? '0'),
      invocation: values['InvocationID'] ?? '',
    }
  })
}

/** As few calls as it takes: each is some 20 ms in which a node that is switched does not answer. */
async function runUnits(
  verb: 'start' | 'restart',
  service: string,
  sockets: readonly string[],
  signal: AbortSignal,
  looked: readonly UnitLook[] = [],
): Promise<Life | null> {
  const units = [service, ...sockets]
  const known = looked.filter(({ unit }) => units.includes(unit))
  const looks = known.length === units.length ? known : await lookAt(units, signal)
  const passing = looks.filter((look) => !look.isEnabled)
  if (passing.length > 0) await order('enable', unitsOf(passing), signal)
  const silent = looks.filter(({ unit, isActive: listens }) => unit !== service && !listens)
  if (silent.length > 0) await orderStart('start', silent, signal)
  const ofService = looks.filter(({ unit }) => unit === service)
  await orderStart(verb, ofService, signal)
  const [before] = ofService
  const running = await runningLife(service)
  if (running !== null && running.invocation !== before?.invocation) return running
  const [after = {}] = await show(['InvocationID', 'MainPID'], [service], signal)
  const { InvocationID: invocation = '', MainPID: pid } = after
  return invocation === '' ? null : { invocation, pid: Number(pid) || null }
}

/** Properties of units, in that order, by one call. */
async function show(
  names: readonly string[],
  units: readonly string[],
  signal: AbortSignal,
): Promise<Values[]> {
  const shown = await systemctl(['show', `--property=${names.join(',')}`, '--', ...units], signal)
  return shown.trimEnd().split('\n\n').map(valuesIn)
}

export const systemd: ServiceManager = {
  service: async (unit, signal) => {
    const [values = {}] = await show(properties, [unit], signal)
    return withLastExit(unit, serviceIn(values), signal)
  },
  serviceAndSocket: async (service, socket, signal) => {
    const [values = {}, ofSocket = {}] = await show(
      [...properties, 'DropInPaths'],
      [service, socket],
      signal,
    )
    return {
      service: await withLastExit(service, serviceIn(values), signal),
      isListening: isActive(ofSocket),
      dropIns: [values, ofSocket].flatMap(dropInsIn),
    }
  },
  isListening: async (unit, signal) => {
    const [values = {}] = await show(['ActiveState'], [unit], signal)
    return isActive(values)
  },
  look: lookAt,
  reload: async (signal) => {
    await systemctl(['daemon-reload'], signal)
  },
  enable: async (units, signal) => {
    const found = await show(['UnitFileState'], units, signal)
    const missing = units.filter((_unit, at) => found[at]?.['UnitFileState'] !== 'enabled')
    if (missing.length > 0) await order('enable', missing, signal)
  },
  disable: async (units, signal) => orderKnown('disable', units, signal),
  run: runUnits,
  start: startUnits,
  stop: async (units, signal) => orderKnown('stop', units, signal),
  forget: async (units, signal) => {
    const found = await show(['ActiveState'], units, signal)
    const failed = units.filter((_unit, at) => found[at]?.['ActiveState'] === 'failed')
    if (failed.length > 0) await order('reset-failed', failed, signal)
  },
  refresh: async (unit, signal) => order('reload', [unit], signal, SERVICE_MS),
  // The older spelling of --kill-whom, which all versions take.
  kill: async (unit, signal) => {
    await systemctl(['kill', '--signal=SIGKILL', '--kill-who=main', '--', unit], signal)
  },
  logs,
}

/** For units that the manager knows, from a file or because they still run. */
async function orderKnown(
  verb: 'disable' | 'stop',
  units: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const found = await show(['LoadState', 'ActiveState'], units, signal)
  const known = units.filter((_unit, at) => {
    const { LoadState, ActiveState } = found[at] ?? {}
    return verb === 'stop' ? ActiveState !== 'inactive' : LoadState !== 'not-found'
  })
  if (known.length > 0) await order(verb, known, signal, SERVICE_MS)
}

const properties = [
  'LoadState',
  'ActiveState',
  'SubState',
  'Restart',
  'MainPID',
  'NRestarts',
  'ExecMainStartTimestamp',
  'ExecMainExitTimestamp',
  'ExecMainCode',
  'ExecMainStatus',
  'InvocationID',
]

/** What `systemctl show` tells of a service. */
export const parseService = (shown: string): ServiceState => serviceIn(valuesIn(shown))

function serviceIn(values: Values): ServiceState {
  const pid = Number(values['MainPID'] ?? '0')
  const isLoaded = values['LoadState'] === 'loaded'
  return {
    state: stateOf(values['ActiveState'] ?? '', values['SubState'] ?? ''),
    isKept: isLoaded && (values['Restart'] ?? 'no') !== 'no',
    pid: pid > 0 ? pid : null,
    startedAt: pid > 0 ? parseTime(values['ExecMainStartTimestamp'] ?? '') : null,
    restarts: Number(values['NRestarts'] ?? '0'),
    lastExit: pid > 0 ? null : exitIn(values),
    invocation: values['InvocationID'] || null,
  }
}

/** The properties of a service that runs again tell nothing of how it ended before. */
async function withLastExit(
  unit: string,
  state: ServiceState,
  signal: AbortSignal,
): Promise<ServiceState> {
  if (state.restarts === 0 || state.lastExit !== null) return state
  return { ...state, lastExit: await lastExitOf(unit, state.startedAt, signal) }
}

type Values = Readonly<Record<string, string>>

/** Those of a unit, or of units whose names begin alike; a distribution's for all units are no one's doing. */
export const dropInsIn = ({ DropInPaths: paths = '' }: Values): string[] =>
  paths.split(' ').filter((path) => path !== '' && !/\/(?:service|socket)\.d\//.test(path))

const isActive = (values: Values): boolean => values['ActiveState'] === 'active'

function valuesIn(shown: string): Values {
  const lines = shown.split('\n').map((line) => /^(\w+)=(.*)$/.exec(line))
  return Object.fromEntries(
    lines.filter((found) => found !== null).map(([, name, value]) => [name, value]),
  )
}

function stateOf(active: string, sub: string): ServiceState['state'] {
  if (active === 'active' || active === 'reloading') return 'running'
  if (active === 'activating') return sub === 'auto-restart' ? 'starting' : 'running'
  return active === 'deactivating' ? 'ending' : 'ended'
}

/** `Thu 2026-11-26 09:10:00 UTC`. */
function parseTime(text: string): string | null {
  const [, day, time] = /(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) UTC$/.exec(text) ?? []
  return day === undefined || time === undefined ? null : `${day}T${time}.000Z`
}

/** As wait(2) has them: 1 exited, 2 killed, 3 killed with a core. */
function exitIn(values: Values): ExitReport | null {
  const at = parseTime(values['ExecMainExitTimestamp'] ?? '')
  if (at === null) return null
  const status = Number(values['ExecMainStatus'])
  if (values['ExecMainCode'] === '1') return { code: status, signal: null, error: null, at }
  return { code: null, signal: signalNames.get(status) ?? String(status), error: null, at }
}

/** Of two names for one number, such as SIGABRT and SIGIOT, the first. */
const signalNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .map(([name, number]) => [number, name] as const)
    .toReversed(),
)

/** The journal's message for a unit's process that ended. */
const PROCESS_EXIT = '98e322203f7a4ed290d09fe03c09fe15'

/** How a service that runs again ended before, as the journal has it. */
async function lastExitOf(
  unit: string,
  startedAt: string | null,
  signal: AbortSignal,
): Promise<ExitReport> {
  const unknown = { code: null, signal: null, error: null, at: startedAt ?? '' }
  try {
    const { stdout } = await run(
      'journalctl',
      [`UNIT=${unit}`, `MESSAGE_ID=${PROCESS_EXIT}`, '-n', '1', '-o', 'json', '-q', '--no-pager'],
      { env, signal, timeout: COMMAND_MS, maxBuffer: COMMAND_BYTES_MAX },
    )
    return parseExit(stdout) ?? unknown
  } catch {
    signal.throwIfAborted()
    return unknown
  }
}

/** One journal entry as JSON. */
export function parseExit(text: string): ExitReport | null {
  try {
    const entry = JSON.parse(text) as Record<string, string>
    const at = new Date(Number(entry['__REALTIME_TIMESTAMP']) / 1000).toISOString()
    const status = Number(entry['EXIT_STATUS'])
    if (entry['EXIT_CODE'] === 'exited') return { code: status, signal: null, error: null, at }
    return { code: null, signal: signalNames.get(status) ?? String(status), error: null, at }
  } catch {
    return null
  }
}

async function* logs(
  unit: string,
  { lines, follow }: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const args = ['--unit', unit, '-o', 'cat', '-n', String(lines), '-q', '--no-pager', '--all']
  const journal = spawn('journalctl', follow ? [...args, '--follow'] : args, {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = new Promise<string | null>((resolve) => {
    journal.once('error', (error) => resolve(error.message))
    journal.once('close', (code) => resolve(code === 0 ? null : `it exited with code ${code}`))
  })
  const end = (): void => {
    journal.kill('SIGTERM')
  }
  signal.addEventListener('abort', end, { once: true })
  try {
    signal.throwIfAborted()
    for await (const line of createInterface({ input: journal.stdout })) yield line
    const problem = await ended
    signal.throwIfAborted()
    if (problem !== null) throw new TargetError('no-log', `journalctl gives no log: ${problem}`)
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}
