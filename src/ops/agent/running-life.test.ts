import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runningLife, type UnitPlaces } from './running-life.ts'

let directory: string
let places: UnitPlaces

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aethel-life-'))
  places = { units: join(directory, 'units'), services: join(directory, 'slice') }
  mkdirSync(places.units)
  mkdirSync(join(places.services, 'a.service'), { recursive: true })
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const began = (): void => symlinkSync('5f1e2d3c', join(places.units, 'invocation:a.service'))
const holds = (pids: string): void =>
  writeFileSync(join(places.services, 'a.service/cgroup.procs'), pids)

it('is the id of the life and its one process', async () => {
  began()
  holds('812\n')
  expect(await runningLife('a.service', places)).toEqual({ invocation: '5f1e2d3c', pid: 812 })
})

it.each(['', '812\n813\n', '0\n', 'none\n'])('is not told by processes %j', async (pids) => {
  began()
  holds(pids)
  expect(await runningLife('a.service', places)).toBeNull()
})

it('is not told where systemd keeps no id, or the processes are elsewhere', async () => {
  holds('812\n')
  expect(await runningLife('a.service', places)).toBeNull()
  began()
  rmSync(places.services, { recursive: true })
  expect(await runningLife('a.service', places)).toBeNull()
})
