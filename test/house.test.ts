/**
 * The house rules hold the line: each is planted as a violation in a copy of the house and must be
 * refused there, so that a rule which silently stops working fails here.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import config from '../oxlint.config.ts'

const root = dirname(import.meta.dirname)
const linesMax = 400

/** [file, source, the rule that must refuse it] */
const violations: [string, string, string][] = [
  ...violationsOf('eslint(no-restricted-imports)', {
    'src/cli/a.ts': `export { x } from '../node/x.ts'`,
    'src/cli/b.ts': `export { x } from '../page/x.ts'`,
    'src/cli/commands/c.ts': `import '../../node/x.ts'`,
    'src/cli/commands/d.ts': `export const later = async () => import('../../node/x.ts')`,
    'src/ops/a.ts': `export { x } from '../node/x.ts'`,
    'src/ops/b.ts': `export type { X } from '../node/x.ts'`,
    'src/ops/targets/local/c.ts': `export { x } from '../../../node/x.ts'`,
    'src/ops/d.ts': `export { x } from '../cli/x.ts'`,
    'src/ops/desired/e.ts': `export { x } from '../../cli/x.ts'`,
    'src/ops/f.ts': `export { x } from '../../src/node/x.ts'`,
    'src/node/a.ts': `export { x } from '../ops/x.ts'`,
    'src/node/replica/b.ts': `export { x } from '../../ops/x.ts'`,
    'src/page/a.ts': `export { x } from '../merkle/x.ts'`,
    'src/page/b.ts': `export { x } from '../node/x.ts'`,
    'src/wire/a.ts': `export { x } from '../ops/x.ts'`,
    'src/merkle/a.ts': `export { x } from '../wire/x.ts'`,
    'src/build/a.ts': `export { x } from '../ops/x.ts'`,
    'src/ops/chalk.ts': `export { default } from 'chalk'`,
    'src/cli/listr.ts': `export { Listr } from 'listr2'`,
    'src/cli/commands/prompt.ts': `export { input } from '@inquirer/prompts'`,
    'src/cli/output/node.ts': `export { x } from '../../node/x.ts'`,
    'src/merkle/fs.ts': `export { readFileSync } from 'node:fs'`,
    'src/merkle/fs-promises.ts': `export { readFile } from 'node:fs/promises'`,
    'src/merkle/later.ts': `export const later = async () => import('node:os')`,
    'src/merkle/random.ts': `export { randomBytes } from 'node:crypto'`,
    'src/merkle/random-mixed.ts': `import { hash, sign } from 'node:crypto'\nexport const x = [hash, sign]`,
    'src/merkle/crypto.ts': `import * as all from 'node:crypto'\nexport const x = all`,
    'src/wire/net.ts': `export { connect } from 'node:net'`,
    'src/wire/http.ts': `export { get } from 'node:http'`,
    'src/wire/undici.ts': `export { request } from 'undici'`,
    'src/wire/libp2p.ts': `export { createLibp2p } from 'libp2p'`,
    'src/node/replica/timers.ts': `export { setTimeout } from 'node:timers/promises'`,
    'src/node/replica/fastify.ts': `export { default } from 'fastify'`,
    'src/node/replica/sqlite.ts': `export { DatabaseSync } from 'node:sqlite'`,
    'src/ops/desired/process.ts': `export { env } from 'node:process'`,
    'src/ops/rollout/plan.ts': `export { spawn } from 'node:child_process'`,
    'src/ops/rollout/plan-steps.ts': `export { hostname } from 'node:os'`,
    'src/ops/ssh/known-hosts.ts': `export { readFileSync } from 'node:fs'`,
    'src/ops/ssh/resolve-host.ts': `export { Client } from 'ssh2'`,
    'src/ops/rollout/plan-times.ts': `export { promisify } from 'node:util'`,
    'src/ops/verify/judge.ts': `export { fetch } from 'undici'`,
    'src/ops/verify/judge-edges.ts': `export { performance } from 'node:perf_hooks'`,
    'src/ops/verify/checks/roots.ts': `export { readFileSync } from 'node:fs'`,
    'src/ops/verify/recompute/wire.ts': `export { x } from '../../../wire/entry.ts'`,
    'src/ops/verify/recompute/merkle.ts': `export { x } from '../../../merkle/index.ts'`,
    'src/ops/verify/recompute/room.ts': `export { x } from '../judge-findings.ts'`,
    'src/ops/verify/recompute/library.ts': `export { base58btc } from 'multiformats/bases/base58'`,
    'src/ops/verify/recompute/fs.ts': `export { readFileSync } from 'node:fs'`,
    'src/ops/verify/recompute/random.ts': `export { randomBytes } from 'node:crypto'`,
    'src/ops/verify/recompute/later.ts': `export const later = async () => import('../../../wire/cbor.ts')`,
  }),
  ...violationsOf('eslint(no-restricted-globals)', {
    'src/merkle/date.ts': `export const x = new Date(0)`,
    'src/merkle/now.ts': `export const x = Date.now()`,
    'src/merkle/global.ts': `export const x = globalThis.setTimeout`,
    'src/wire/performance.ts': `export const x = performance.now()`,
    'src/wire/crypto.ts': `export const x = crypto.randomUUID()`,
    'src/node/replica/set-timeout.ts': `export const x = setTimeout(() => {}, 1)`,
    'src/node/replica/set-interval.ts': `export const x = setInterval(() => {}, 1)`,
    'src/node/replica/set-immediate.ts': `export const x = setImmediate(() => {})`,
    'src/node/replica/microtask.ts': `queueMicrotask(() => {})\nexport {}`,
    'src/ops/desired/env.ts': `export const x = process.env['HOME']`,
    'src/ops/rollout/plan-fetch.ts': `export const x = async () => fetch('http://localhost')`,
    'src/ops/verify/judge-roots.ts': `console.log('x')\nexport {}`,
    'src/ops/verify/recompute/date.ts': `export const x = Date.now()`,
    'src/ops/verify/checks/clock.ts': `export const x = Date.now()`,
  }),
  ...violationsOf('eslint(no-restricted-properties)', {
    'src/merkle/math.ts': `export const x = Math.random()`,
    'src/wire/signal.ts': `export const x = AbortSignal.timeout(1)`,
    'src/cli/commands/exit.ts': `process.exit(1)\nexport {}`,
    'src/cli/commands/exit-code.ts': `process.exitCode = 1\nexport {}`,
    'src/ops/exit.ts': `export const x = () => process.exit(1)`,
  }),
  ...violationsOf('import(no-cycle)', {
    'src/ops/circle-a.ts': `export { b } from './circle-b.ts'\nexport const a = 1`,
    'src/ops/circle-b.ts': `import { a } from './circle-a.ts'\nexport const b = a`,
    'src/ops/type-circle-a.ts': `import type { B } from './type-circle-b.ts'\nexport type A = B | 1`,
    'src/ops/type-circle-b.ts': `import type { A } from './type-circle-a.ts'\nexport type B = { a?: A }`,
  }),
  ['src/ops/long.ts', 'export {}\n'.repeat(linesMax + 1), 'eslint(max-lines)'],
  ['src/ops/fs.ts', `export { readFileSync } from 'fs'`, 'unicorn(prefer-node-protocol)'],
  ['src/ops/print.ts', `console.log('x')\nexport {}`, 'eslint(no-console)'],
  [
    'src/ops/floating.ts',
    `export const f = (): void => {\n  Promise.resolve(1)\n}`,
    'typescript(no-floating-promises)',
  ],
  [
    'src/ops/misused.ts',
    `export const f = (): void => [1].forEach(async (x) => Promise.resolve(x))`,
    'typescript(no-misused-promises)',
  ],
  [
    'src/ops/thenable.ts',
    `export const f = async (): Promise<number> => await 1`,
    'typescript(await-thenable)',
  ],
  [
    'src/ops/switch.ts',
    `export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1\n  }\n  return 2\n}`,
    'typescript(switch-exhaustiveness-check)',
  ],
]

/** What the rules must leave alone. */
const allowed: Record<string, string> = {
  ...Object.fromEntries(
    ['cli', 'ops', 'node', 'page', 'wire', 'merkle'].map((room) => [
      `src/${room}/x.ts`,
      `export const x = 1\nexport type X = number`,
    ]),
  ),
  'src/cli/uses.ts': `export { x } from '../ops/x.ts'\nexport { x as y } from '../wire/x.ts'`,
  'src/cli/output/uses.ts': `export { default } from 'chalk'\nexport { Listr } from 'listr2'`,
  'src/cli/main.ts': `process.exitCode = 1\nexport const x = 1`,
  'src/ops/uses.ts': `export { x } from '../wire/x.ts'\nexport { x as y } from '../merkle/x.ts'`,
  'src/ops/clock.ts': `export const now = () => Date.now()`,
  'src/ops/desired/uses.ts': `export { x } from '../../wire/x.ts'`,
  'src/ops/verify/recompute/uses.ts': `export { hash } from 'node:crypto'\nexport { decode } from 'cborg'\nexport { X } from '../../../wire/limits.ts'\nexport { Y } from '../limits.ts'\nexport { z } from './z.ts'\nexport type { W } from '../../../wire/entry.ts'`,
  'src/node/uses.ts': `export { x } from '../wire/x.ts'\nexport { x as y } from '../merkle/x.ts'`,
  'src/page/uses.ts': `export { x } from '../wire/x.ts'`,
  'src/wire/uses.ts': `export type { X } from '../merkle/x.ts'`,
  'src/merkle/uses.ts': `export { createHash, createHmac, createPublicKey, hash, verify } from 'node:crypto'`,
  'src/merkle/types.ts': `export type { KeyObject } from 'node:crypto'\nexport type { Stats } from 'node:fs'`,
  'src/merkle/clock.test.ts': `import { readFileSync } from 'node:fs'\nexport const x = [Date.now(), readFileSync]`,
  'src/ops/full.ts': `export const x = 1\n${'\n'.repeat(linesMax - 1)}`,
}

type Diagnostic = { filename: string; code?: string; message: string }

function violationsOf(rule: string, plants: Record<string, string>): [string, string, string][] {
  return Object.entries(plants).map(([file, source]) => [file, source, rule])
}

function lint(directory: string): Diagnostic[] {
  const oxlint = join(root, 'node_modules/.bin/oxlint')
  const run = spawnSync(oxlint, ['--format', 'json', 'src'], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const report: { diagnostics: Diagnostic[] } = JSON.parse(run.stdout)
  return report.diagnostics
}

describe('a violation is refused', () => {
  const copy = mkdtempSync(join(tmpdir(), 'aethel-house-'))
  let found: Diagnostic[] = []

  beforeAll(() => {
    for (const file of ['oxlint.config.ts', 'tsconfig.json', 'package.json']) {
      copyFileSync(join(root, file), join(copy, file))
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    const planted = [...violations, ...Object.entries(allowed)]
    for (const [file, source] of planted) {
      mkdirSync(dirname(join(copy, file)), { recursive: true })
      writeFileSync(join(copy, file), source)
    }
    found = lint(copy)
  })

  afterAll(() => rmSync(copy, { recursive: true }))

  const codesAt = (file: string) => found.filter((d) => d.filename === file).map((d) => d.code)

  it.each(violations)('%s', (file, _source, rule) => {
    expect(codesAt(file)).toContain(rule)
  })

  it.each(Object.keys(allowed))('but %s is not', (file) => {
    expect(codesAt(file)).toEqual([])
  })
})

describe('the house', () => {
  it('runs every script with the Node.js of its own, whose link older npm takes away', () => {
    const file = readFileSync(join(root, 'package.json'), 'utf8')
    const { scripts } = JSON.parse(file) as { scripts: Record<string, string> }
    const begunBy = (name: string): string | undefined =>
      /^npm run (?:-s )?([\w:-]+)(?: |$)/.exec(scripts[name] ?? '')?.[1]
    const isOwn = (name: string | undefined): boolean =>
      name === 'own-node' || (name !== undefined && isOwn(begunBy(name)))
    expect(Object.keys(scripts).filter((name) => !isOwn(name))).toEqual([])
  })

  const sources = globSync('{src,test,bin,templates}/**/*.{ts,tsx,js,mjs,css,html}', {
    cwd: root,
    exclude: ['**/node_modules'],
  })

  it('has a file for every place that a rule names', () => {
    const patterns = (config.overrides ?? []).flatMap((override) => override.files)
    expect(patterns.filter((pattern) => globSync(pattern, { cwd: root }).length === 0)).toEqual([])
  })

  it(`has no file over ${linesMax} lines`, () => {
    const lines = (file: string) => readFileSync(join(root, file), 'utf8').split('\n').length - 1
    expect(sources.length).toBeGreaterThan(0)
    expect(sources.filter((file) => lines(file) > linesMax)).toEqual([])
  })

  it('has no import circles', { timeout: 60_000 }, () => {
    const circles = lint(root).filter((d) => d.code === 'import(no-cycle)')
    expect(circles.map((d) => d.filename)).toEqual([])
  })

  const locks = globSync('{.,test/bench/peers/*}/package-lock.json', { cwd: root })

  it.each(locks)('names no host in %s and pins every package by its digest', (file) => {
    const lock: { packages: Record<string, { resolved?: string; integrity?: string }> } =
      JSON.parse(readFileSync(join(root, file), 'utf8'))
    const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
    expect(packages.length).toBeGreaterThan(0)
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
    expect(packages.filter(([, { integrity }]) => integrity === undefined)).toEqual([])
  })
})
