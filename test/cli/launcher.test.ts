import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = dirname(dirname(import.meta.dirname))
const house = mkdtempSync(join(tmpdir(), 'aethel-launcher-'))
const launcher = join(house, 'bin/aethel-lattice.js')

/** Says what it was given, then ends as told. */
const cli = `
const [end, ...rest] = process.argv.slice(2)
if (end === 'wait') {
  process.on('SIGTERM', () => process.exit(75))
  process.on('SIGINT', () => process.exit(130))
  setInterval(() => {}, 1000)
} else if (end === 'die') process.kill(process.pid, 'SIGKILL')
else process.exitCode = Number(end)
console.log(JSON.stringify({ pid: process.pid, rest }))
`

/** Makes the launcher believe that an old Node.js runs it. */
const old = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } })`

beforeAll(() => {
  cpSync(join(root, 'bin'), join(house, 'bin'), { recursive: true })
  cpSync(join(root, 'package.json'), join(house, 'package.json'))
  mkdirSync(join(house, 'dist/cli'), { recursive: true })
  writeFileSync(join(house, 'dist/cli/main.js'), cli)
  symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'))
})

afterAll(() => rmSync(house, { recursive: true }))

function launch(nodeOptions: string[], args: string[], at = launcher) {
  const child = spawn(process.execPath, [...nodeOptions, at, ...args])
  return { child, exit: once(child, 'exit'), out: text(child.stdout), err: text(child.stderr) }
}

describe.each([
  ['on this Node.js', [], true],
  ['on an old Node.js', ['--import', old], false],
])('%s', (_name, nodeOptions, sameProcess) => {
  it('runs the CLI with its arguments and its exit code', async () => {
    const { child, exit, out } = launch(nodeOptions, ['65', 'deploy', '--file', 'a b.yaml'])

    expect(await exit).toEqual([65, null])
    const said: { pid: number; rest: string[] } = JSON.parse(await out)
    expect(said.rest).toEqual(['deploy', '--file', 'a b.yaml'])
    expect(said.pid === child.pid).toBe(sameProcess)
  })

  it.each([
    ['SIGTERM', 75],
    ['SIGINT', 130],
  ] as const)('hands on %s', async (signal, code) => {
    const { child, exit } = launch(nodeOptions, ['wait'])
    await once(child.stdout, 'data')
    child.kill(signal)

    expect(await exit).toEqual([code, null])
  })

  it('dies as the CLI died', async () => {
    const { exit } = launch(nodeOptions, ['die'])

    expect(await exit).toEqual([null, 'SIGKILL'])
  })
})

it('says how to build a CLI that is not built', async () => {
  const unbuilt = join(house, 'unbuilt/bin/aethel-lattice.js')
  cpSync(launcher, unbuilt)
  const { exit, err } = launch([], [], unbuilt)

  expect(await exit).toEqual([1, null])
  expect(await err).toContain('npm run build')
})

it('says which Node.js it needs when none is there', async () => {
  const bare = mkdtempSync(join(tmpdir(), 'aethel-bare-'))
  cpSync(join(house, 'bin'), join(bare, 'bin'), { recursive: true })
  cpSync(join(house, 'dist'), join(bare, 'dist'), { recursive: true })
  cpSync(join(house, 'package.json'), join(bare, 'package.json'))
  const { exit, err } = launch(['--import', old], [], join(bare, 'bin/aethel-lattice.js'))

  expect(await exit).toEqual([1, null])
  expect(await err).toContain('Node.js 20.20.2 is too old')
  rmSync(bare, { recursive: true })
})
