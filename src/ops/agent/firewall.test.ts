import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { HostBench, settingsOf } from './fixtures/host-bench.ts'

const { signal } = new AbortController()
const FIREWALL = 'aethel-lattice-node1.firewall.service'
let bench: HostBench
beforeEach(async () => {
  bench = await HostBench.make()
})
afterEach(async () => bench[Symbol.asyncDispose]())

const withRules = (rules: string) => {
  const { files, secrets } = settingsOf()
  const more = [
    { path: 'host/node1.nft', mode: 0o644, text: rules },
    { path: `host/${FIREWALL}`, mode: 0o644, text: '[Service]\n' },
  ]
  return { files: [...files, ...more], secrets }
}
const askedOfIt = (): string[] => {
  const asked = bench.services.asked.filter((one) => one.includes(FIREWALL))
  bench.services.asked.length = 0
  return asked
}
const observe = async () => bench.session.call('observe', {}, signal)

it('rules are loaded with their generation, and again when they are others', async () => {
  const first = await bench.deploy(bench.one, 1, withRules('first'))
  expect(askedOfIt()).toEqual([`enable ${FIREWALL}`, `start ${FIREWALL}`])
  expect((await observe()).current).toMatchObject({ ...first, areSettingsIntact: true })
  await bench.deploy(bench.two, 2, withRules('first'))
  expect(askedOfIt()).toEqual([])
  await bench.deploy(bench.two, 3, withRules('second'))
  expect(askedOfIt()).toEqual([`enable ${FIREWALL}`, `refresh ${FIREWALL}`])
})

it('rules end before the unit that ends them is gone', async () => {
  await bench.deploy(bench.one, 1, withRules('first'))
  askedOfIt()
  await bench.deploy(bench.one, 2)
  expect(bench.services.asked.slice(0, 2)).toEqual([`stop ${FIREWALL}`, 'reload'])
  expect(await readdir(join(bench.folder, 'etc/systemd/system'))).not.toContain(FIREWALL)
  expect(bench.services.enabled.has(FIREWALL)).toBe(false)
})

it('rules end with a node that is stopped, and come back with it', async () => {
  await bench.deploy(bench.one, 1, withRules('first'))
  await bench.session.call('stop', {}, signal)
  expect(bench.services.listening.has(FIREWALL)).toBe(false)
  await bench.session.call('start', {}, signal)
  expect(bench.services.listening.has(FIREWALL)).toBe(true)
})

it('rules that somebody took out of the kernel are drift, and are loaded again', async () => {
  await bench.deploy(bench.one, 1, withRules('first'))
  bench.isFlushed = true
  expect((await observe()).current).toMatchObject({ areSettingsIntact: false })
  askedOfIt()
  await bench.session.call('start', {}, signal)
  expect(askedOfIt()).toEqual([`enable ${FIREWALL}`, `refresh ${FIREWALL}`])
})

it('rules that nft refuses are not loaded', async () => {
  bench.firewallProblem = 'syntax error'
  await expect(bench.deploy(bench.one, 1, withRules('bad'))).rejects.toMatchObject({
    code: 'firewall',
    hint: expect.stringContaining('syntax error') as string,
  })
  expect(askedOfIt()).toEqual([])
})
