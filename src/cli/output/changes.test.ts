import { stripVTControlCharacters } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Change } from '../../ops/rollout/plan-changes.ts'
import { planChanges } from '../../ops/rollout/plan-changes.ts'
import type { Plan } from '../../ops/rollout/plan.ts'
import { shownFiles, type ShownFile } from '../../ops/targets/settings.ts'
import type { ObservedNode } from '../../ops/targets/target.ts'
import { formatChanges } from './changes.ts'
import { paintOf, plain } from './paint.ts'
import { planDocument } from './plan-document.ts'
import { printable } from './printable.ts'

const settings = (files: Record<string, string>): ShownFile[] =>
  shownFiles(
    Object.entries(files).map(([path, text]) => ({ path, mode: 0o600, text })),
    (path) => path === 'node.key',
  )

interface Side {
  settings: ShownFile[]
  /** Bytes by path. */
  release?: Record<string, number>
}

const artifact = (files: Record<string, number> = {}) =>
  Object.entries(files).map(([path, bytes]) => ({ path, bytes, sha256: `${path} ${bytes}` }))

const one = { release: 'r111111111111', settings: '1'.repeat(64) }
const two = { release: 'r222222222222', settings: '2'.repeat(64) }

/** What differs on nodes that all went from one to the other. */
function changesOf(sides: Record<string, { old: Side; found?: Side; next: Side }>): Change[] {
  const observed = Object.entries(sides).map(([name, { old, found }]): ObservedNode => ({
    name,
    current: {
      ...one,
      version: '0.1.0',
      configDigest: null,
      isReleaseIntact: true,
      areSettingsIntact: found === undefined,
    },
    contents: {
      settings: (found ?? old).settings,
      activated: old.settings,
      release: artifact(old.release),
      releaseEdits: [],
    },
    process: {
      state: 'running',
      isSupervised: true,
      pid: 1,
      startedAt: null,
      restarts: 0,
      lastExit: null,
    },
    lacks: [],
    overrides: [],
    held: [],
  }))
  const wanted = Object.entries(sides).map(([name, { next }]) => {
    return [name, { settings: next.settings, release: artifact(next.release) }] as const
  })
  const hasRelease = Object.values(sides).some(({ next }) => next.release !== undefined)
  return planChanges(planOf(Object.keys(sides), hasRelease), observed, new Map(wanted))
}

const planOf = (names: string[], hasRelease: boolean): Plan => ({
  kind: 'deploy',
  digest: '',
  lattice: '',
  release: hasRelease
    ? { id: two.release, version: '0.2.0' }
    : { id: one.release, version: '0.1.0' },
  nodes: names.map((name) => ({
    name,
    found: { current: null, state: 'running', held: [] },
    previous: { generation: null, configDigest: null, state: 'running' },
    next: two,
    configDigest: '',
    act: 'activate',
    isStaged: true,
    keep: [],
  })),
  steps: [],
})

const short = { paint: plain, isFull: false }
const full = { paint: plain, isFull: true }

describe('what a plan changes', () => {
  it('is told once for nodes that it is the same on', () => {
    const env = (port: number, heartbeat: number): Side => ({
      settings: settings({
        '.env': `AETHEL_HTTP_PORT=${port}\nAETHEL_HEARTBEAT_INTERVAL=${heartbeat}\n`,
      }),
      release: { 'node.mjs': heartbeat * 1_000_000, [`page/app-${heartbeat}.js`]: 900 },
    })
    const sides = {
      node2: { old: env(1, 5), next: env(1, 2) },
      node3: { old: env(1, 5), next: env(9, 2) },
    }
    expect(formatChanges(changesOf(sides), short)).toBe(
      `node2, node3
  release   r111111111111 (0.1.0) → r222222222222 (0.2.0)
            ~ node.mjs       4.8 MiB → 1.9 MiB
            + page/app-2.js  900 B
            - page/app-5.js  900 B
  settings  ~ AETHEL_HEARTBEAT_INTERVAL  5 → 2

node3
  settings  ~ AETHEL_HTTP_PORT  1 → 9`,
    )
  })

  const unit = (user: string): string =>
    `[Unit]\nDescription=x\n\n[Service]\nUser=${user}\nRestart=always\n`
  const env = (more: string): string => `AETHEL_P2P_BOOTSTRAP=/a,/b\nAETHEL_LOG_LEVEL=info\n${more}`
  const old = {
    settings: settings({
      '.env': env(''),
      'bootstrap.txt': '/a\n/b\n',
      'host/node.service': unit('a'),
      'node.key': '1',
    }),
  }
  const next = {
    settings: settings({
      '.env': env('AETHEL_P2P_BOOTSTRAP=/a,/c\nAETHEL_TOKENS=admin:ab\n'),
      'bootstrap.txt': '/a\n/c\n',
      'host/node.service': unit('b'),
      'node.key': '2',
    }),
  }
  const found = {
    settings: settings({
      '.env': env('AETHEL_LOG_LEVEL=warn\nMY_PASSWORD=hunter2\n'),
      'bootstrap.txt': '/a\n/b\n',
      'host/node.service': unit('root'),
    }),
  }

  it('is variables, lists by their items, files by their lines, and drift apart', () => {
    expect(formatChanges(changesOf({ node2: { old, found, next } }), short)).toBe(
      `node2
  drift     settings edited by hand; kept as a generation, then replaced
            ~ AETHEL_LOG_LEVEL  info → warn
            + MY_PASSWORD       added
            ~ host/node.service  +1 -1
                  
                  [Service]
                - User=a
                + User=root
                  Restart=always
            - node.key           removed
  settings  ~ AETHEL_P2P_BOOTSTRAP
                - /b
                + /c
            + AETHEL_TOKENS         added
  files     ~ bootstrap.txt      follows AETHEL_P2P_BOOTSTRAP
            ~ host/node.service  +1 -1
                  
                  [Service]
                - User=a
                + User=b
                  Restart=always
            ~ node.key           changed`.replaceAll(/^ +$/gm, ''),
    )
  })

  it('is coloured by what it means', () => {
    const text = formatChanges(changesOf({ node2: { old, found, next } }), {
      paint: paintOf(1),
      isFull: false,
    })
    expect(text).toContain('\u001b[31m- /b\u001b[39m')
    expect(text).toContain('\u001b[32m+ /c\u001b[39m')
    expect(text).toContain('\u001b[33mdrift\u001b[39m')
  })

  it('is cut short where it is long, unless all is asked for', () => {
    const list = Array.from({ length: 20 }, (_, index) => `/ip4/10.0.0.${index}`)
    const long = {
      settings: settings({
        '.env': `AETHEL_P2P_LISTEN=${list.join(',')}\nAETHEL_P2P_TOPIC=${'t'.repeat(200)}\n`,
        'host/a.service': `${list.join('\n')}\nend`,
      }),
      release: Object.fromEntries(list.map((path) => [path, 1])),
    }
    const changes = changesOf({
      node2: { old: { settings: settings({ '.env': '' }) }, next: long },
    })
    const text = formatChanges(changes, short)
    expect(text).toContain('… 14 more files')
    expect(text).toContain('… 14 more items')
    expect(text).toContain('… 9 more lines')
    expect(text).toContain(`+ ${'t'.repeat(120)}… 80 more characters`)
    expect(formatChanges(changes, full)).not.toContain('…')
  })
})

it.each([
  [2_000_000, 1_000_000, '1.9 MiB → 976.6 KiB'],
  [2_000_000, 2_001_000, '1.9 MiB, +1000 B'],
  [2_000_000, 1_998_000, '1.9 MiB, -2.0 KiB'],
])('a file of %i bytes that has %i then, by its size', (from, to, told) => {
  const side = (bytes: number): Side => ({ settings: [], release: { 'node.mjs': bytes } })
  const text = formatChanges(changesOf({ node2: { old: side(from), next: side(to) } }), short)
  expect(text.split('\n').at(-1)).toBe(`            ~ node.mjs  ${told}`)
})

const lineBreaks = fc.constantFrom(
  '\n',
  '\r',
  '\u2028',
  '\u001b[2J',
  '\u001b[32m',
  '\u202e',
  '\u0000',
)
const hostile = fc
  .array(fc.oneof(lineBreaks, fc.string({ unit: 'binary' })), { maxLength: 8 })
  .map((parts) => parts.join(''))
const everywhere = (text: string): ShownFile[] =>
  settings({
    '.env': `AETHEL_P2P_TOPIC="${text}"\nAETHEL_P2P_LISTEN='${text},b'\n"${text}"=x\n`,
    [`host/${text}`]: 'x',
    'host/a.service': `${text}\nb`,
  })

describe('hostile values', () => {
  it('begin no line, and colour nothing', () => {
    fc.assert(
      fc.property(hostile, hostile, (from, to) => {
        const old = { settings: everywhere(from) }
        const changes = changesOf({ node2: { old, next: { settings: everywhere(to) } } })
        for (const view of [short, full]) {
          const text = formatChanges(changes, view)
          expect(printable(text, true)).toBe(text)
          expect(stripVTControlCharacters(text)).toBe(text)
          const [head, ...lines] = text.split(/[\n\r\u2028\u2029]/)
          expect(changes.length === 0 ? 'node2' : head).toBe('node2')
          for (const line of lines) expect(line).toMatch(/^(?: {2}\w| {10}|$)/)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('secrets', () => {
  const secret = fc.stringMatching(/^[0-9a-f]{64}$/)
  const password = fc.stringMatching(/^[A-Za-z0-9]{12,30}$/)
  const holding = (key: string, word: string): ShownFile[] =>
    settings({
      '.env': `AETHEL_NODE_KEY=${key}\nAETHEL_TOKENS=admin:${key}\nMY_PASSWORD=${word}\n# ${word}\n`,
      'node.key': `${word}\n`,
      'host/a.service': `ExecStart=/bin/x ${key}\nEnvironment="AETHEL_HTTP_PORT=1" "MY_PASS=${word}"\n`,
    })

  it('are in no plan, neither for people nor for programs', () => {
    fc.assert(
      fc.property(
        fc.tuple(secret, password),
        fc.tuple(secret, password),
        fc.tuple(secret, password),
        (...all) => {
          const [old, found, next] = all.map(([key, word]) => ({ settings: holding(key, word) }))
          if (old === undefined || found === undefined || next === undefined) return
          const changes = changesOf({ node2: { old, found, next } })
          expect(changes.length).toBeGreaterThan(0)
          const said = [
            formatChanges(changes, full),
            JSON.stringify(planDocument(planOf(['node2'], false), changes)),
          ].join('\n')
          for (const text of all.flat()) expect(said).not.toContain(text)
        },
      ),
      { numRuns: 200 },
    )
  })
})
