import { describe, expect, it } from 'vitest'
import { shownFiles, type SettingsFile, type ShownFile } from '../targets/settings.ts'
import type { Contents, ObservedNode } from '../targets/target.ts'
import {
  bare,
  contents,
  everywhere,
  lattice,
  names,
  release,
  running,
  wanted,
} from './fixtures/facts.ts'
import type { Plan } from './plan.ts'
import { planChanges, type Change } from './plan-changes.ts'
import { planRollout } from './plan-rollout.ts'

const file = (path: string, text: string, mode = 0o644): SettingsFile => ({ path, mode, text })
const shown = (...files: SettingsFile[]): ShownFile[] =>
  shownFiles(files, (path) => path === 'node.key')
const artifact = (...files: [path: string, bytes: number][]): Contents['release'] =>
  files.map(([path, bytes]) => ({ path, bytes, sha256: `${path} ${bytes}` }))

/** Of a node `primary` that runs release a with settings x; wanted are `letter` and `with_`. */
function changes(
  primary: ObservedNode,
  next: Partial<Contents>,
  letter = 'a',
  with_ = 'y',
): Omit<Change, 'node'>[] {
  const observed = everywhere((name) =>
    name === 'primary' ? primary : running(name, letter, with_),
  )
  const settings = wanted(with_)
  const plan = planRollout({ lattice, release: release(letter), settings, observed, proven: [] })
  const all = { ...contents(with_), ...next }
  return planChanges(plan, observed, new Map(names.map((name) => [name, all]))).map(
    ({ node, ...change }) => {
      expect(node).toBe('primary')
      return change
    },
  )
}

/** Settings that were activated and are there now. */
const holding = (activated: ShownFile[], found = activated, current = {}): ObservedNode => ({
  ...running('primary', 'a', 'x', { current }),
  contents: { settings: found, activated, release: artifact(), releaseEdits: [] },
})

describe('what changes on a node', () => {
  it('of nothing, is all that it is given and lacks', () => {
    const lacking = { ...bare('primary'), lacks: ['Node.js 26.10.0'] }
    const next = { settings: shown(file('.env', ''), file('host/a.service', '')) }
    expect(changes(lacking, { ...next, release: artifact(['node.mjs', 7]) })).toEqual([
      {
        kind: 'first',
        release: { id: release('a').id, version: release('a').version },
        files: 1,
        bytes: 7,
        brings: ['Node.js 26.10.0', '.env', 'host/a.service'],
      },
    ])
  })

  it('by a release, is its files', () => {
    const node = running('primary', 'a', 'x')
    const from = artifact(['gone.js', 1], ['node.mjs', 2], ['same.js', 3])
    const to = artifact(['new.js', 4], ['node.mjs', 5], ['same.js', 3])
    const found = { ...contents('x'), activated: contents('x').settings, releaseEdits: [] }
    const given = { ...node, contents: { ...found, release: from } }
    const name = (letter: string) => ({ id: release(letter).id, version: release(letter).version })
    const change = { kind: 'release', from: name('a'), to: name('b') }
    const files = [
      { path: 'gone.js', change: 'removed', fromBytes: 1, toBytes: null },
      { path: 'new.js', change: 'added', fromBytes: null, toBytes: 4 },
      { path: 'node.mjs', change: 'changed', fromBytes: 2, toBytes: 5 },
    ]
    expect(changes(given, { release: to }, 'b', 'x')).toEqual([{ ...change, files }])
    expect(changes(given, { release: null }, 'b', 'x')).toEqual([{ ...change, files: null }])
  })

  it('by settings, is variables, and files; a file that repeats a list says so', () => {
    const env = (text: string) => file('.env', `# how\nAETHEL_P2P_BOOTSTRAP=${text}\n`, 0o600)
    const next = shown(env('/a,/c'), file('bootstrap.txt', '/a\n/c\n'), file('node.key', '2'))
    const node = holding(
      shown(env('/a,/b'), file('bootstrap.txt', '/a\n/b\n'), file('node.key', '1')),
    )
    expect(changes(node, { settings: next })).toMatchObject([
      {
        kind: 'variable',
        name: 'AETHEL_P2P_BOOTSTRAP',
        items: { added: ['/c'], removed: ['/b'] },
      },
      { kind: 'file', path: 'bootstrap.txt', what: 'text', follows: 'AETHEL_P2P_BOOTSTRAP' },
      { kind: 'file', path: 'node.key', what: 'secret', hunks: null, follows: null },
    ])
  })

  it.each([
    ['comments only', file('.env', '# b\nA=1'), { what: 'comments', mode: null }],
    ['its mode only', file('.env', '# a\nA=1', 0o600), { what: 'mode' }],
  ])('in an .env, when it is %s, is told as that', (_what, next, told) => {
    const node = holding(shown(file('.env', '# a\nA=1')))
    expect(changes(node, { settings: shown(next) })).toMatchObject([{ kind: 'file', ...told }])
  })

  it('in variables and in who may read them, is both', () => {
    const node = holding(shown(file('.env', 'AETHEL_SUBMIT=open')))
    expect(
      changes(node, { settings: shown(file('.env', 'AETHEL_SUBMIT=token', 0o600)) }),
    ).toMatchObject([
      { kind: 'variable', from: 'open', to: 'token' },
      { kind: 'file', what: 'mode', mode: { from: 0o644, to: 0o600 } },
    ])
  })

  it('that is down, is that it will run', () => {
    const node = running('primary', 'a', 'x', { process: { state: 'stopped', pid: null } })
    expect(changes(node, {}, 'a', 'x')).toEqual([
      { kind: 'process', from: 'stopped', to: 'running' },
    ])
  })

  it('whose settings nobody noted, is that they differ', () => {
    const node = running('primary', 'a', 'x')
    const unknown = { settings: [], activated: null, release: null, releaseEdits: [] }
    expect(changes({ ...node, contents: unknown }, {})).toMatchObject([{ kind: 'settings' }])
    const edited = { ...node.current, areSettingsIntact: false }
    const found = { ...running('primary', 'a', 'x', { current: edited }), contents: unknown }
    expect(changes(found, {})).toMatchObject([
      { kind: 'drift', what: 'settings', outcome: 'replaced', changes: null },
      { kind: 'settings' },
    ])
  })
})

describe('drift', () => {
  const edited = { areSettingsIntact: false }
  const level = (text: string) => shown(file('.env', `AETHEL_LOG_LEVEL=${text}\n`))

  it('is told from what was activated, apart from what nodes.yaml changes', () => {
    const node = holding(level('info'), level('warn'), edited)
    const drift = { kind: 'drift', what: 'settings', outcome: 'replaced' }
    expect(changes(node, { settings: level('info') })).toMatchObject([
      { ...drift, changes: [{ from: 'info', to: 'warn' }] },
    ])
    expect(changes(node, { settings: level('error') })).toMatchObject([
      { ...drift, changes: [{ from: 'info', to: 'warn' }] },
      { kind: 'variable', from: 'info', to: 'error' },
    ])
  })

  it('that is what is wanted by now stays', () => {
    const node = holding(level('info'), level('warn'), edited)
    expect(changes(node, { settings: level('warn') }, 'a', 'x')).toMatchObject([
      { kind: 'drift', outcome: 'adopted' },
      { kind: 'variable', from: 'info', to: 'warn' },
    ])
  })

  it('of a file that is gone is that file, not each of its variables', () => {
    const node = holding(level('info'), [], edited)
    expect(changes(node, { settings: level('info') })).toMatchObject([
      { kind: 'drift', changes: [{ kind: 'file', path: '.env', change: 'removed' }] },
    ])
  })

  it('by files of others is told, whether anything else changes or not', () => {
    const overrides = ['/etc/systemd/system/x.service.d/override.conf']
    const drift = { kind: 'drift', what: 'units', outcome: 'kept', files: overrides }
    const node = { ...running('primary', 'a', 'x'), overrides }
    expect(changes(node, {}, 'a', 'x')).toEqual([drift])
    expect(changes(node, {}, 'b', 'x')[0]).toEqual(drift)
  })

  it.each([
    ['a', 'repaired'],
    ['b', 'left'],
  ])('in release files, towards release %s, is %s', (letter, outcome) => {
    const found = running('primary', 'a', 'x', { current: { isReleaseIntact: false } })
    const files = [{ path: 'node.mjs', change: 'changed' as const }]
    const activated = contents('x').settings
    const node = { ...found, contents: { ...contents('x'), activated, releaseEdits: files } }
    expect(changes(node, {}, letter, 'x')[0]).toEqual({
      kind: 'drift',
      what: 'release',
      outcome,
      files,
    })
  })
})

it('says nothing of nodes that are not touched', () => {
  const observed = everywhere((name) => running(name, 'a', 'x'))
  const plan: Plan = planRollout({
    lattice,
    release: release('a'),
    settings: wanted('x'),
    observed,
    proven: [],
  })
  expect(planChanges(plan, observed, new Map(names.map((name) => [name, contents('y')])))).toEqual(
    [],
  )
})
