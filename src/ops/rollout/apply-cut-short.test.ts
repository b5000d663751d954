import { describe, expect, it } from 'vitest'
import { applyPlan } from './apply.ts'
import { JournalError, type PlanStaleError } from './errors.ts'
import { release } from './fixtures/facts.ts'
import { Crash, payload } from './fixtures/fake-lattice.ts'
import { allOf, failAt, upgrade } from './fixtures/upgrade.ts'
import { OBSERVATION_MS_MAX } from './limits.ts'
import { LockLostError } from './lock-holder.ts'
import { observeNow } from './observe.ts'

const old = allOf('ax', 'running')
const fresh = allOf('by', 'running')

describe('interrupted', () => {
  it('before a node, or in a gate, it brings all back', async () => {
    for (const at of ['staged space', 'gate primary', 'activated backup', 'gate space']) {
      const fake = upgrade()
      const interrupt = new AbortController()
      fake.onAct = (act) => {
        if (act === at) interrupt.abort()
      }
      const outcome = await fake.deploy('b', 'y', { signal: interrupt.signal })
      expect(outcome).toMatchObject({ result: 'restored', failure: { code: 'interrupted' } })
      expect(fake.state).toEqual(old)
      expect(fake.records.at(-1)).toMatchObject({ type: 'end', result: 'restored' })
    }
  })

  it('after the last gate it is done', async () => {
    const fake = upgrade()
    const interrupt = new AbortController()
    fake.onAct = () => {
      if (fake.events.at(-1)?.kind === 'step-done' && fake.questions.length === 3) interrupt.abort()
    }
    expect(await fake.deploy('b', 'y', { signal: interrupt.signal })).toMatchObject({
      result: 'deployed',
    })
    expect(fake.state).toEqual(fresh)
  })

  it('a second time, it leaves the rest to the next command', async () => {
    const fake = upgrade()
    fake.sick.add(release('b').id)
    const again = new AbortController()
    fake.onAct = (act) => {
      if (act === 'restore primary') again.abort()
    }
    await expect(fake.deploy('b', 'y', { cleanupSignal: again.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    fake.onAct = () => undefined
    fake.revive()
    expect(await fake.recover()).toMatchObject({ result: 'restored' })
    expect(fake.state).toEqual(old)
  })
})

describe('without its lock', () => {
  it('a run stops where it stands and writes nothing more', async () => {
    const fake = upgrade()
    fake.onAct = (act) => {
      if (act === 'activated backup') fake.lost.abort(new LockLostError())
    }
    await expect(fake.deploy('b', 'y')).rejects.toThrow(LockLostError)
    expect(fake.acts.at(-1)).toBe('activated backup')
    expect(fake.records.at(-1)).toMatchObject({ id: 'activate:backup', state: 'begun' })
  })

  it('a run that a node refuses neither goes on nor back', async () => {
    const fake = upgrade()
    const plan = await fake.plan('b', 'y')
    const next = { release: release('a').id, settings: 'z' }
    fake.node('backup').held.push(next)
    await fake
      .node('backup')
      .restore(
        { generation: fake.node('backup').current, configDigest: null, state: 'running' },
        9,
        new AbortController().signal,
      )
    fake.node('backup').held.pop()
    await expect(applyPlan(plan, payload('b', 'y'), fake.options())).rejects.toThrow(LockLostError)
    expect(fake.state).toEqual(['space ax running', 'primary by running', 'backup ax running'])
  })
})

it('without its journal it makes no further step', async () => {
  const fake = upgrade()
  fake.onAct = failAt(
    (act) => act === 'write step' && fake.acts.includes('activated primary'),
    () => new JournalError('journal', 'no space'),
  )
  await expect(fake.deploy('b', 'y')).rejects.toMatchObject({ code: 'journal' })
  expect(fake.acts.slice(-2)).toEqual(['activated primary', 'write step'])
  fake.onAct = () => undefined
  fake.revive()
  expect(await fake.recover()).toMatchObject({ result: 'restored' })
  expect(fake.state).toEqual(old)
})

describe('nothing is begun', () => {
  it('when a node is not as it was when planned', async () => {
    const fake = upgrade()
    const plan = await fake.plan('b', 'y')
    fake.node('backup').put('c', 'x')
    await expect(applyPlan(plan, payload('b', 'y'), fake.options())).rejects.toMatchObject({
      code: 'plan-stale',
      message: expect.stringContaining('backup changed') as string,
    })
    expect([fake.acts, fake.records]).toEqual([[], []])
  })

  it.each([
    ['recent', 0, 'deployed'],
    ['older', OBSERVATION_MS_MAX + 1, 'plan-stale'],
  ])(
    'when a node changed after an observation, as far as that is not recent: %s',
    async (_age, ageMs, ends) => {
      const fake = upgrade()
      const plan = await fake.plan('b', 'y')
      const { nodes } = await observeNow(fake.nodes, new AbortController().signal)
      fake.node('backup').put('c', 'x')
      const observation = { nodes, askedMs: performance.now() - ageMs }
      const ended = applyPlan(plan, payload('b', 'y'), fake.options({ observation })).then(
        ({ result }) => result,
        ({ code }: PlanStaleError) => code,
      )
      expect(await ended).toBe(ends)
    },
  )

  it.each([
    ['another release', payload('c', 'y')],
    ['other settings', payload('b', 'w')],
    ['nothing', null],
  ])('when it is given %s', async (_what, given) => {
    const fake = upgrade()
    const plan = await fake.plan('b', 'y')
    await expect(applyPlan(plan, given, fake.options())).rejects.toMatchObject({
      code: 'plan-stale',
    })
    expect([fake.acts, fake.records]).toEqual([[], []])
  })

  it('while an earlier run waits to be recovered', async () => {
    const fake = upgrade()
    fake.dieAt = 20
    await expect(fake.deploy('b', 'y')).rejects.toThrow(Crash)
    fake.revive()
    await expect(fake.deploy('b', 'y')).rejects.toMatchObject({ code: 'unfinished-run' })
  })
})

describe('a run that was cut short', () => {
  const held = new Map([['primary', new Map([['a'.repeat(64), 3]])]])
  const told = { held, silent: new Map([['backup', 'cut off']]) }
  const dyingAt = async (act: string) => {
    const fake = upgrade()
    for (const node of fake.nodes) node.held.push({ release: 'rzzzzzzzzzzzz', settings: 'z' })
    fake.onAct = (one) => {
      if (one === act) fake.dieAt = 0
    }
    await expect(fake.deploy('b', 'y', { beforeActing: async () => told })).rejects.toThrow(Crash)
    fake.onAct = () => undefined
    fake.revive()
    fake.questions.length = 0
    return fake
  }

  it('is brought back to what its nodes held before it, not to what they hold by now', async () => {
    const fake = await dyingAt('gate backup')
    const now = { held: new Map([['primary', new Map()]]), silent: new Map() }
    const outcome = await fake.recover({ beforeActing: async () => now })
    expect(fake.questions.map(({ node, heldBefore }) => [node, heldBefore])).toEqual([
      ['backup', null],
      ['primary', held.get('primary')],
    ])
    const unproven = [expect.stringMatching(/^backup did not tell what it held/)]
    expect(outcome).toMatchObject({ result: 'restored', unproven })
  })

  it('after its last gate is finished, and what a gate did not see is still told', async () => {
    const fake = await dyingAt('prune space')
    const unproven = [expect.stringMatching(/^backup did not tell what it held/)]
    expect(await fake.recover()).toMatchObject({ result: 'deployed', unproven })
  })
})
