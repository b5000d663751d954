/** How a lab comes and goes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { removeAbandonedHalves } from './base-tree.ts'
import { until } from './container.ts'
import { Lab } from './lab.ts'
import { placeOf } from './place.ts'
import { attempt, run } from './shell.ts'
import { testLabPrefix, upTestLab } from './test-lab.ts'
import { tracesOf } from './traces.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

/** Of a starved machine, which may have to make the base tree first. */
const UP_MS_MAX = 30 * 60_000

let directory = ''
const newDirectory = (): string => {
  directory = mkdtempSync(join(tmpdir(), 'aethel-lab-life-'))
  return directory
}
afterEach(() => Lab.down(directory))

const cli = (...argv: string[]) => attempt`${process.execPath} ${main} ${argv}`

test('up, open, down: nothing is left, and a second down has nothing to do', async () => {
  const up = await cli('up', '--hosts', '1', '--dir', newDirectory())
  expect(up.exitCode).toBe(0)
  expect(up.stdout).toContain('Try next:')
  const lab = await Lab.open(directory)
  expect(await lab.host('node1').exec(['hostname'])).toBe('node1\n')
  const exec = await cli('exec', '--dir', directory, 'node1', '--', 'sh', '-c', 'exit 7')
  expect(exec.exitCode).toBe(7)
  expect((await tracesOf(lab.place)).length).toBeGreaterThan(5)

  for (let times = 0; times < 2; times++) {
    const down = await cli('down', '--dir', directory)
    expect(down).toMatchObject({ exitCode: 0, stdout: 'nothing of the lab is left\n' })
    expect(await tracesOf(lab.place)).toEqual([])
  }
})

test.each(['bridge', 'control group'])(
  'an up that is killed once it has a %s is cleared away',
  async (trace) => {
    const place = placeOf(newDirectory())
    const up = spawn(process.execPath, [main, 'up', '--dir', directory], { stdio: 'ignore' })
    const isThere = async () => (await tracesOf(place)).some((line) => line.startsWith(trace))
    await until(`the lab has a ${trace}`, isThere, UP_MS_MAX)
    up.kill('SIGKILL')
    await once(up, 'exit')
    expect((await cli('down', '--dir', directory)).exitCode).toBe(0)
    expect(await tracesOf(place)).toEqual([])
  },
  UP_MS_MAX,
)

test('a lab of a killed test run goes before the next one comes, a live one stays', async () => {
  const killed = spawn('true')
  await once(killed, 'exit')
  directory = mkdtempSync(testLabPrefix)
  const abandoned = await Lab.up({ directory, hostCount: 1, ownerId: killed.pid ?? 0 })
  await using live = await upTestLab({ hostCount: 1 })
  expect(await tracesOf(abandoned.place)).toEqual([])
  await using other = await upTestLab({ hostCount: 1 })
  expect(await live.host('node1').isOn()).toBe(true)
  expect(other.machine.address).not.toBe(live.machine.address)
})

test('half a base tree goes when nobody makes it any more, and not what is mounted in it', async () => {
  const ended = spawn('true')
  await once(ended, 'exit')
  const cache = newDirectory()
  const names = { tree: '0123456789abcdef', live: `0123456789abcdef.${process.pid}` }
  const half = join(cache, `0123456789abcdef.${ended.pid}`)
  const mounted = join(half, 'mounted')
  const elsewhere = join(cache, 'elsewhere')
  for (const path of [...Object.values(names).map((name) => join(cache, name)), mounted, elsewhere])
    mkdirSync(path, { recursive: true })
  writeFileSync(join(elsewhere, 'kept'), '')
  await run`mount --bind ${elsewhere} ${mounted}`
  await removeAbandonedHalves(cache)
  expect(readdirSync(cache).toSorted()).toEqual([names.tree, names.live, 'elsewhere'])
  expect(readdirSync(elsewhere)).toEqual(['kept'])
  rmSync(cache, { recursive: true })
})

test('a directory of something else is left alone', async () => {
  const foreign = join(newDirectory(), 'foreign')
  mkdirSync(foreign)
  writeFileSync(join(foreign, 'thesis.txt'), 'years of work')
  for (const verb of ['up', 'down']) {
    const refused = await cli(verb, '--dir', foreign)
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain('holds something that is not a lab')
  }
  expect(readdirSync(foreign)).toEqual(['thesis.txt'])
  rmSync(foreign, { recursive: true })
})

test.each(['up', 'down'])('without root, %s says so in a sentence and fails', async (verb) => {
  const command = [process.execPath, main, verb, '--dir', newDirectory()]
  const refused = await attempt`unshare --user ${command}`
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
  expect(refused.stderr).toMatch(/^the lab needs root: [^\n]+\n$/)
  expect(readdirSync(directory)).toEqual([])
})
