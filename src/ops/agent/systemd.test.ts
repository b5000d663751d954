import { describe, expect, it } from 'vitest'
import { dropInsIn, parseExit, parseService } from './systemd.ts'

/** What `systemctl show` says of a service, in the words of systemd 252. */
const shown = (values: Record<string, string>): string =>
  Object.entries({
    LoadState: 'loaded',
    ActiveState: 'active',
    SubState: 'running',
    Restart: 'always',
    MainPID: '812',
    NRestarts: '0',
    ExecMainStartTimestamp: 'Thu 2026-11-26 09:10:00 UTC',
    ExecMainExitTimestamp: '',
    ExecMainCode: '0',
    ExecMainStatus: '0',
    InvocationID: '5f1e2d3c4b5a69788796a5b4c3d2e1f0',
    ...values,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

const gone = { MainPID: '0', ExecMainExitTimestamp: 'Thu 2026-11-26 09:11:30 UTC' }
const at = '2026-11-26T09:11:30.000Z'

describe('drop-ins', () => {
  it('are those of the unit, and not a distribution’s for all units', () => {
    const own = '/etc/systemd/system/aethel-lattice-a.service.d/override.conf'
    const alike = '/run/systemd/system/aethel-.service.d/50-cpu.conf'
    const all = '/usr/lib/systemd/system/service.d/10-timeout-abort.conf'
    expect(dropInsIn({ DropInPaths: [own, all, alike].join(' ') })).toEqual([own, alike])
    expect([dropInsIn({ DropInPaths: '' }), dropInsIn({})]).toEqual([[], []])
  })
})

describe('a service', () => {
  it('that runs', () => {
    expect(parseService(shown({}))).toEqual({
      state: 'running',
      isKept: true,
      pid: 812,
      startedAt: '2026-11-26T09:10:00.000Z',
      restarts: 0,
      lastExit: null,
      invocation: '5f1e2d3c4b5a69788796a5b4c3d2e1f0',
    })
  })

  it.each([
    ['is told to start', { ActiveState: 'activating', SubState: 'start' }, 'running'],
    [
      'waits to be started again',
      { ActiveState: 'activating', SubState: 'auto-restart' },
      'starting',
    ],
    ['is told to end', { ActiveState: 'deactivating', SubState: 'stop-sigterm' }, 'ending'],
    ['failed', { ActiveState: 'failed', SubState: 'failed' }, 'ended'],
    ['is unknown', { LoadState: 'not-found', ActiveState: 'inactive', SubState: 'dead' }, 'ended'],
  ])('that %s', (_how, values, state) => {
    expect(parseService(shown(values)).state).toBe(state)
  })

  it.each([
    ['code', { ExecMainCode: '1', ExecMainStatus: '3' }, { code: 3, signal: null }],
    ['signal', { ExecMainCode: '2', ExecMainStatus: '9' }, { code: null, signal: 'SIGKILL' }],
    ['core', { ExecMainCode: '3', ExecMainStatus: '6' }, { code: null, signal: 'SIGABRT' }],
  ])('that ended with a %s', (_how, values, exit) => {
    const found = parseService(shown({ ActiveState: 'failed', ...gone, ...values }))
    expect(found).toMatchObject({ state: 'ended', pid: null, startedAt: null })
    expect(found.lastExit).toEqual({ ...exit, error: null, at })
  })

  it('that nothing starts again is not kept', () => {
    expect(parseService(shown({ Restart: 'no' })).isKept).toBe(false)
    expect(parseService(shown({ LoadState: 'not-found' })).isKept).toBe(false)
  })
})

describe('the journal on how a process ended', () => {
  const entry = (code: string, status: string): string =>
    JSON.stringify({
      __REALTIME_TIMESTAMP: '1795684290000000',
      EXIT_CODE: code,
      EXIT_STATUS: status,
    })

  it.each([
    ['exited', '78', { code: 78, signal: null }],
    ['killed', '9', { code: null, signal: 'SIGKILL' }],
    ['dumped', '6', { code: null, signal: 'SIGABRT' }],
  ])('%s %s', (code, status, exit) => {
    expect(parseExit(entry(code, status))).toEqual({ ...exit, error: null, at })
  })

  it.each(['', 'no json', '{}'])('says nothing in %j', (text) => {
    expect(parseExit(text)).toBeNull()
  })
})
