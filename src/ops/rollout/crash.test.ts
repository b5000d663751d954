import { describe, expect, it } from 'vitest'
import { release } from './fixtures/facts.ts'
import { Crash, FakeLattice } from './fixtures/fake-lattice.ts'

/** Ways in which a lattice may stand before a deploy of release b with settings y. */
const beginnings: Record<string, () => FakeLattice> = {
  'a first deployment': () => new FakeLattice(),
  'an upgrade': () => {
    const fake = new FakeLattice()
    for (const node of fake.nodes) node.put('a', 'x')
    return fake
  },
  'a start of what is down, a change and a node that is right': () => {
    const fake = new FakeLattice()
    fake.node('primary').put('b', 'y', 'stopped')
    fake.node('backup').put('a', 'y', 'stopped')
    fake.node('space').put('b', 'y')
    return fake
  },
  'an upgrade to a release that fails': () => {
    const fake = new FakeLattice()
    for (const node of fake.nodes) node.put('a', 'x')
    fake.sick.add(release('b').id)
    return fake
  },
}
const fresh = ['space by running', 'primary by running', 'backup by running']

/** Lets `work` run until the process dies at act `number`. False: it ended before. */
async function diesAt(
  fake: FakeLattice,
  number: number,
  work: () => Promise<unknown>,
): Promise<boolean> {
  fake.dieAt = number
  try {
    await work()
    return false
  } catch (error) {
    if (error instanceof Crash) return true
    throw error
  } finally {
    fake.revive()
  }
}

/** How often a process died in all that was tried. */
async function dieEverywhere(
  begin: () => FakeLattice,
  then: (fake: FakeLattice, old: string[]) => Promise<void>,
): Promise<number> {
  for (let number = 0; ; number++) {
    const fake = begin()
    const old = fake.state
    if (!(await diesAt(fake, number, async () => fake.deploy('b', 'y')))) return number
    await then(fake, old)
  }
}

describe.each(Object.entries(beginnings))('after %s is killed anywhere', (_what, begin) => {
  const isSick = begin().sick.size > 0

  it('the next command leaves all nodes old or all new, and a deploy then works', async () => {
    const results = new Set<string | undefined>()
    const deaths = await dieEverywhere(begin, async (fake, old) => {
      const outcome = await fake.recover()
      results.add(outcome?.result)
      // No run: either it had not begun, or it had ended before it died.
      const possible = { deployed: [fresh], restored: [old], none: [old, fresh] }
      expect(possible).toHaveProperty(outcome?.result ?? 'none')
      expect(possible[(outcome?.result ?? 'none') as keyof typeof possible]).toContainEqual(
        fake.state,
      )
      expect(await fake.recover()).toBe(null)

      fake.sick.clear()
      expect((await fake.deploy('b', 'y')).result).toMatch(/^(deployed|unchanged)$/)
      expect(fake.state).toEqual(fresh)
    })
    expect(deaths).toBeGreaterThan(30)
    expect(results).toEqual(new Set([undefined, 'restored', ...(isSick ? [] : ['deployed'])]))
  })

  it('and the next is killed anywhere too, so does the one after it', async () => {
    let deaths = 0
    await dieEverywhere(begin, async (first) => {
      const [records, nodes] = [first.records, first.nodes]
      for (let number = 0; ; number++) {
        const fake = begin()
        const old = fake.state
        fake.records.push(...records)
        for (const [index, node] of nodes.entries()) {
          Object.assign(fake.nodes[index] ?? {}, {
            current: node.current,
            state: node.state,
            held: [...node.held],
          })
        }
        fake.token = first.token
        if (!(await diesAt(fake, number, async () => fake.recover()))) return
        deaths++
        await fake.recover()
        expect([old, fresh]).toContainEqual(fake.state)
        expect(await fake.recover()).toBe(null)
      }
    })
    expect(deaths).toBeGreaterThan(100)
  })
})

describe('recovery', () => {
  const begin = beginnings['an upgrade'] as () => FakeLattice

  it('is split, and says so, when what was before is not well any more', async () => {
    const fake = begin()
    await diesAt(fake, 30, async () => fake.deploy('b', 'y'))
    fake.sick.add(release('a').id)
    const outcome = await fake.recover()
    expect(outcome).toMatchObject({ result: 'split' })
    expect(outcome?.warnings.length).toBeGreaterThan(0)
    expect(await fake.recover()).toBe(null)
  })

  it('needs the nodes that the run touched', async () => {
    const fake = begin()
    await diesAt(fake, 30, async () => fake.deploy('b', 'y'))
    const targets = fake.nodes.filter((node) => node.name !== 'primary')
    await expect(fake.recover({ targets })).rejects.toMatchObject({ code: 'unknown-node' })
    expect(await fake.recover()).toMatchObject({ result: 'restored' })
  })
})
