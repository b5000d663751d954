/** A deploy and a rollback, killed after each record of their journal, all of them: the next deploy ends what they began. */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { healthOf, Operator } from './operator.ts'
import { upTestLab } from './test-lab.ts'

const JOURNAL = '/opt/aethel-lattice/record/journal.jsonl'
const LOOK_MS = 5
const LOOP_MS_MAX = 30 * 60_000
const RECORDS_MAX = 100

let lab: Lab
let operator: Operator

beforeAll(async () => {
  lab = await upTestLab()
  operator = new Operator(lab)
  await operator.settle()
  const { code, err } = await operator.run('deploy', '--yes')
  if (code !== 0) throw new Error(err)
})
afterAll(async () => {
  await lab?.down()
  operator?.remove()
})

const proven = { code: 0, said: { verification: { verdict: 'PASS' } } }

type Verb = 'deploy' | 'rollback'

interface JournalRecord {
  type: string
  run: string
}

const journalOf = async (host: Host): Promise<JournalRecord[]> =>
  (await host.readFile(JOURNAL).catch(() => ''))
    .split('\n')
    // The last one may be half written.
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JournalRecord)

/** Kills a command once its journal has so many records. Tells how many it had; null: it had ended. */
async function killedAfter(verb: Verb, records: number): Promise<number | null> {
  const host = lab.host('node1')
  const before = (await journalOf(host)).at(-1)?.run
  const child = operator.start(verb, '--yes')
  child.stdout.resume()
  child.stderr.resume()
  const ended = once(child, 'close')
  for (;;) {
    const run = (await journalOf(host)).at(-1)?.run
    const written =
      run === before ? 0 : (await journalOf(host)).filter((one) => one.run === run).length
    if (child.exitCode !== null) return null
    if (written >= records) {
      child.kill('SIGKILL')
      await ended
      return written
    }
    await delay(LOOK_MS)
  }
}

test.for<[Verb, number]>([
  // Each of begin, stage, activate and gate of two nodes, before and after.
  ['deploy', 12],
  // The same without stage.
  ['rollback', 8],
])(
  'whatever was written when a %s was killed, the next deploy ends all-new and loses nothing',
  { timeout: LOOP_MS_MAX },
  async ([verb, killedMin]) => {
    let killed = 0
    let isOver = false
    for (let records = 1; !isOver && records < RECORDS_MAX; records++) {
      expect((await operator.run('submit', 'intent noop { }')).code).toBe(0)
      const before = await Promise.all(lab.hosts.map(healthOf))
      // What a rollback goes back from was proven: here, or by the end of the round before.
      if (verb === 'deploy' || records === 1) await operator.setHeartbeat(`${2 + (records % 7)}s`)
      if (verb === 'rollback') await operator.run('deploy', '--yes')
      const written = await killedAfter(verb, records)
      isOver = written === null
      killed += isOver ? 0 : 1
      expect((await operator.run('unlock', '--yes')).code).toBe(0)

      expect(await operator.told('deploy', '--yes')).toMatchObject(proven)
      expect(await operator.told('plan')).toMatchObject({ code: 0, said: { steps: [] } })
      expect((await operator.run('unlock', '--yes')).out).toContain('Nobody has the lock')
      for (const [index, host] of lab.hosts.entries()) {
        const { ledger } = await healthOf(host)
        expect(ledger.entries).toBeGreaterThanOrEqual(before[index]?.ledger.entries ?? NaN)
      }
    }
    expect(isOver).toBe(true)
    expect(killed).toBeGreaterThanOrEqual(killedMin)
  },
)
