import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { RolloutOptions } from './apply.ts'
import { names as allNames, release } from './fixtures/facts.ts'
import { NOTHING_HELD, type Holdings } from './holdings.ts'
import { planRecovery } from './plan-recovery.ts'
import type { Gate } from './progress.ts'
import { allOf, upgrade } from './fixtures/upgrade.ts'

const old = allOf('ax', 'running')
const silent =
  (name: string): RolloutOptions['beforeActing'] & {} =>
  async () => ({ held: new Map(), silent: new Map([[name, 'cut off']]) })

describe('what nodes hold before a rollout', () => {
  it('looks at what the gate needs while it stages, before it switches a node', async () => {
    const fake = upgrade()
    const looked = Promise.withResolvers<Holdings>()
    const run = fake.deploy('b', 'y', { beforeActing: async () => looked.promise })
    const count = (of: string) => fake.acts.filter((act) => act.startsWith(`${of} `)).length
    while (count('staged') < 3) await nextTurn()
    for (let turns = 0; turns < 20; turns++) await nextTurn()
    expect(count('activate')).toBe(0)
    looked.resolve(NOTHING_HELD)
    expect(await run).toMatchObject({ result: 'deployed' })
  })

  it('does not look at what the gate needs when it does nothing', async () => {
    const fake = upgrade()
    const beforeActing = async (): Promise<Holdings> => {
      fake.act('look')
      return NOTHING_HELD
    }
    await fake.deploy('b', 'y', { beforeActing })
    fake.acts.length = 0
    await fake.deploy('b', 'y', { beforeActing })
    expect(fake.acts).toEqual([])
  })

  it('touches nothing when it cannot look, and is interrupted when the operator ended the look', async () => {
    const fake = upgrade()
    const broken = async (): Promise<Holdings> => Promise.reject(new Error('broken'))
    await expect(fake.deploy('b', 'y', { beforeActing: broken })).rejects.toThrow('broken')
    expect(planRecovery(fake.records)).toBeNull()
    const other = upgrade()
    const interrupt = new AbortController()
    const beforeActing = async (): Promise<Holdings> => {
      interrupt.abort(new Error('enough'))
      throw interrupt.signal.reason
    }
    const { signal } = interrupt
    const outcome = await other.deploy('b', 'y', { beforeActing, signal })
    expect(outcome).toMatchObject({ result: 'restored', failure: { code: 'interrupted' } })
    for (const one of [fake, other]) expect(one.state).toEqual(old)
  })

  it('tells the look at what the gate needs when all is staged, and waits for it', async () => {
    const fake = upgrade()
    const seen: string[] = []
    const beforeActing = async (_observed: unknown, staged: Promise<void>): Promise<Holdings> => {
      await staged
      seen.push(...fake.acts)
      return NOTHING_HELD
    }
    expect(await fake.deploy('b', 'y', { beforeActing })).toMatchObject({ result: 'deployed' })
    expect(seen.filter((act) => act.startsWith('staged '))).toHaveLength(3)
    expect(seen.some((act) => act.startsWith('activate '))).toBe(false)
  })

  it('proves nobody beside a node that tells nothing, until that is switched, and says so', async () => {
    const fake = upgrade()
    const outcome = await fake.deploy('b', 'y', { beforeActing: silent('backup') })
    expect(outcome).toMatchObject({
      result: 'deployed',
      unproven: [expect.stringMatching(/^backup did not tell what it held .*\(cut off\)/)],
    })
    const active = fake.questions.map((one) => one.activeNames.toSorted())
    expect(active).toEqual([['primary', 'space'], allNames.toSorted(), allNames.toSorted()])
    const unproven = (step: { unproven?: string }): boolean => step.unproven !== undefined
    expect(outcome.steps.filter(unproven).map(({ id }) => id)).toEqual(['gate:backup'])
    const told = fake.events.filter((event) => event.kind === 'step-done' && unproven(event))
    expect(told).toMatchObject([{ step: { id: 'gate:backup' } }])
  })

  it('says of one that tells nothing and is not switched that the others were looked at without it', async () => {
    const fake = upgrade()
    fake.sick.add(release('b').id)
    const outcome = await fake.deploy('b', 'y', { beforeActing: silent('space') })
    expect(outcome).toMatchObject({
      result: 'restored',
      unproven: [expect.stringMatching(/^space does not tell .*\(cut off\)/)],
    })
    expect(fake.questions.some((one) => one.activeNames.includes('space'))).toBe(false)
    expect(fake.state).toEqual(old)
  })

  it('asks each gate for what its node held, and writes that down before it switches', async () => {
    const fake = upgrade()
    const held = new Map([['primary', new Map([['a'.repeat(64), 3]])]])
    await fake.deploy('b', 'y', { beforeActing: async () => ({ held, silent: new Map() }) })
    expect(fake.questions.map(({ node, heldBefore }) => [node, heldBefore])).toEqual([
      ['primary', held.get('primary')],
      ['backup', null],
      ['space', null],
    ])
    expect(fake.records).toContainEqual(
      expect.objectContaining({ id: 'activate:primary', held: { ['a'.repeat(64)]: 3 } }),
    )
  })

  it('says it again while nothing is switched, until a gate sees it', async () => {
    const fake = upgrade()
    const first = await fake.deploy('b', 'y', { beforeActing: silent('backup') })
    const again = await fake.deploy('b', 'y')
    expect(again).toMatchObject({ result: 'unchanged', unproven: first.unproven })
    expect(await fake.deploy('a', 'x')).toMatchObject({ unproven: first.unproven })
    const held = new Map(allNames.map((name) => [name, new Map()]))
    const beforeActing = async (): Promise<Holdings> => ({ held, silent: new Map() })
    const seen = await fake.deploy('b', 'y', { beforeActing })
    expect(seen).toMatchObject({ result: 'deployed', unproven: [] })
    const terms = { unprovenBefore: ['seen by nobody'] }
    expect((await fake.deploy('b', 'y', terms)).unproven).toEqual(['seen by nobody'])
  })

  it('of one that told nothing and is brought back counts it only once it is proven', async () => {
    const fake = upgrade()
    fake.sick.add(release('b').id)
    const gate: Gate = async (node, question) =>
      node === 'primary' && question.generation.release === release('b').id
        ? { ok: true, tookMs: 1 }
        : fake.gate(node, question)
    const outcome = await fake.deploy('b', 'y', { beforeActing: silent('backup'), gate })
    expect(outcome).toMatchObject({ result: 'restored', failure: { step: 'gate:backup' } })
    const regates = fake.questions.slice(1).map((one) => [one.node, one.activeNames.toSorted()])
    expect(regates).toEqual([
      ['backup', ['primary', 'space']],
      ['primary', allNames.toSorted()],
    ])
  })
})
