import { describe, expect, it } from 'vitest'
import { release } from './fixtures/facts.ts'
import { FakeLattice } from './fixtures/fake-lattice.ts'
import { allOf, failAt, upgrade } from './fixtures/upgrade.ts'

const old = allOf('ax', 'running')
const fresh = allOf('by', 'running')
const nothing = allOf('-', 'stopped')

describe('a rollout that goes well', () => {
  it('stages everywhere, then switches and proves one node at a time, the Space last', async () => {
    const fake = upgrade()
    const outcome = await fake.deploy('b', 'y')
    expect(outcome).toMatchObject({
      result: 'deployed',
      release: release('b'),
      failure: null,
      warnings: [],
      nodes: ['primary', 'backup', 'space'].map((name) => ({ name, state: 'new' })),
    })
    expect(fake.state).toEqual(fresh)
    const acts = fake.acts.filter((act) => /^(staged|activate|gate) /.test(act))
    expect(acts.slice(0, 3).toSorted()).toEqual(['staged backup', 'staged primary', 'staged space'])
    expect(acts.slice(3)).toEqual([
      'activate primary',
      'gate primary',
      'activate backup',
      'gate backup',
      'activate space',
      'gate space',
    ])
    expect(outcome.steps.map((step) => step.id)).toEqual([
      'stage:primary',
      'stage:backup',
      'stage:space',
      'activate:primary',
      'gate:primary',
      'activate:backup',
      'gate:backup',
      'activate:space',
      'gate:space',
    ])
  })

  it('tells each gate who should be up: all that ran, or on a first deploy all so far', async () => {
    const names = (fake: FakeLattice) => fake.questions.map((one) => one.activeNames.toSorted())
    const running = upgrade()
    await running.deploy('b')
    expect(names(running)).toEqual(Array.from({ length: 3 }, () => ['backup', 'primary', 'space']))

    const first = new FakeLattice()
    await first.deploy('b')
    expect(names(first)).toEqual([
      ['primary'],
      ['backup', 'primary'],
      ['backup', 'primary', 'space'],
    ])
    expect(first.questions[0]).toMatchObject({ node: 'primary', release: release('b').id })
  })

  it('tells each gate which configuration the node must report', async () => {
    const fake = upgrade()
    fake.node('primary').put('a', 'w')
    fake.sick.add(release('b').id)
    await fake.deploy('b', 'y')
    expect(fake.questions.map((one) => [one.generation.release, one.configDigest])).toEqual([
      [release('b').id, 'configured primary'],
      [release('a').id, 'aw'],
    ])
  })

  it('writes its journal once for all that begins at once, and at the end', async () => {
    const fake = upgrade()
    await fake.deploy('b', 'y')
    const begun = fake.records.filter(
      (record) => record.type === 'step' && record.state === 'begun',
    )
    expect(begun).toHaveLength(9)
    // All three are staged at once.
    expect(fake.writings).toBe(1 + 3 + 3 + 1)
  })

  it('changes nothing and writes nothing the second time', async () => {
    const fake = upgrade()
    await fake.deploy('b', 'y')
    const { length } = fake.records
    fake.acts.length = 0
    expect(await fake.deploy('b', 'y')).toMatchObject({
      result: 'unchanged',
      run: null,
      steps: [],
      nodes: [{ state: 'unchanged' }, { state: 'unchanged' }, { state: 'unchanged' }],
    })
    expect([fake.acts, fake.records.length]).toEqual([[], length])
  })

  it('starts a stopped node and touches no other', async () => {
    const fake = upgrade()
    fake.node('backup').state = 'stopped'
    expect(await fake.deploy('a', 'x')).toMatchObject({ result: 'deployed' })
    expect(fake.state).toEqual(old)
    expect(fake.acts.filter((act) => act.startsWith('activate '))).toEqual(['activate backup'])
    expect(fake.acts.some((act) => act.startsWith('stage'))).toBe(false)
  })

  it('removes what is no longer kept, and only warns when that fails', async () => {
    const fake = upgrade()
    for (const node of fake.nodes) node.held.push({ release: 'rzzzzzzzzzzzz', settings: 'z' })
    fake.onAct = failAt((act) => act === 'prune backup')
    const outcome = await fake.deploy('b', 'y')
    expect(outcome.result).toBe('deployed')
    expect(outcome.warnings).toEqual([expect.stringMatching(/^backup still holds .+: no luck$/)])
    expect(fake.nodes.map((node) => node.held.length)).toEqual([2, 2, 3])
  })

  it('tells its progress in order', async () => {
    const fake = upgrade()
    fake.node('space').put('b', 'y')
    fake.node('backup').put('b', 'y')
    await fake.deploy('b', 'y')
    const told = fake.events.map((event) =>
      'step' in event ? `${event.kind} ${event.step.id}` : event.kind,
    )
    expect(told).toEqual([
      'run-begun',
      ...['stage:primary', 'activate:primary', 'gate:primary'].flatMap((id) => [
        `step-begun ${id}`,
        `step-done ${id}`,
      ]),
      'run-ended',
    ])
  })
})

describe('a failure brings all back', () => {
  it.each<[string, (act: string) => boolean, string[], string]>([
    ['in staging', (act) => act === 'stage backup', [], 'stage:backup'],
    [
      'in the last staging, which stops the others',
      (act) => act === 'stage space',
      [],
      'stage:space',
    ],
    ['in the first switch', (act) => act === 'activate primary', ['primary'], 'activate:primary'],
    [
      'half way in a switch',
      (act) => act === 'switched backup',
      ['backup', 'primary'],
      'activate:backup',
    ],
  ])('%s', async (_where, isMeant, restored, step) => {
    const fake = upgrade()
    let times = 0
    fake.onAct = failAt((act) => isMeant(act) && times++ === 0)
    expect(await fake.deploy('b', 'y')).toMatchObject({
      result: 'restored',
      failure: { step, code: 't', reason: 'no luck' },
    })
    expect(fake.state).toEqual(old)
    const acts = fake.acts.filter((act) => act.startsWith('restore '))
    expect(acts).toEqual(restored.map((name) => `restore ${name}`))
  })

  it.each([1, 2, 3])('when gate %i says no, the last one first, each proven again', async (nth) => {
    const fake = upgrade()
    const order = ['primary', 'backup', 'space'].slice(0, nth)
    const gate: FakeLattice['gate'] = async (node, question) =>
      node === order.at(-1) && question.release === release('b').id
        ? { ok: false, reason: 'roots differ', hint: 'look at verify-triangle' }
        : fake.gate(node, question)
    const outcome = await fake.deploy('b', 'y', { gate })
    expect(outcome).toMatchObject({
      result: 'restored',
      failure: {
        step: `gate:${order.at(-1)}`,
        node: order.at(-1),
        code: 'gate',
        reason: 'roots differ',
        hint: 'look at verify-triangle',
        logTail: [`20 lines of ${order.at(-1)}`],
      },
    })
    expect(fake.state).toEqual(old)
    const ids = outcome.steps.map((step) => step.id)
    expect(ids.slice(ids.indexOf(`gate:${order.at(-1)}`) + 1)).toEqual(
      order.toReversed().flatMap((name) => [`restore:${name}`, `regate:${name}`]),
    )
    expect(outcome.nodes.map((node) => node.state)).toEqual(
      ['primary', 'backup', 'space'].map((name) => (order.includes(name) ? 'old' : 'unchanged')),
    )
  })

  it('to nothing on a first deploy: what was started is stopped and left stopped', async () => {
    const fake = new FakeLattice()
    const gate: FakeLattice['gate'] = async (node, question) =>
      node === 'space' ? { ok: false, reason: 'no', hint: '' } : fake.gate(node, question)
    const outcome = await fake.deploy('b', 'y', { gate })
    expect(outcome.result).toBe('restored')
    expect(fake.state).toEqual(nothing)
    expect(outcome.failure?.logTail).toEqual(['20 lines of space'])
    expect(outcome.steps.some((step) => step.action === 'regate')).toBe(false)
  })

  it('to what was stopped, stopped', async () => {
    const fake = upgrade()
    fake.node('backup').state = 'stopped'
    fake.sick.add(release('b').id)
    fake.node('primary').put('b', 'y')
    expect(await fake.deploy('b', 'y')).toMatchObject({ result: 'restored' })
    expect(fake.state).toEqual(['space ax running', 'primary by running', 'backup ax stopped'])
  })

  it('and gives a node that cannot agree with newer ones a second chance', async () => {
    const fake = upgrade()
    // An old node is well only among old ones.
    const gate: FakeLattice['gate'] = async (node, question) => {
      const mixed = new Set(fake.nodes.map((one) => one.current?.release)).size > 1
      const isOld = question.release === release('a').id
      if (node === 'space' && !isOld) return { ok: false, reason: 'no', hint: '' }
      return mixed && isOld ? { ok: false, reason: 'mixed', hint: '' } : fake.gate(node, question)
    }
    const outcome = await fake.deploy('b', 'y', { gate })
    expect(outcome).toMatchObject({ result: 'restored', warnings: [] })
    expect(fake.state).toEqual(old)
    expect(outcome.steps.map((step) => [step.id, step.state]).slice(-8)).toEqual([
      ['restore:space', 'done'],
      ['regate:space', 'failed'],
      ['restore:backup', 'done'],
      ['regate:backup', 'failed'],
      ['restore:primary', 'done'],
      ['regate:primary', 'done'],
      ['regate:space', 'done'],
      ['regate:backup', 'done'],
    ])
  })
})

describe('a lattice is split', () => {
  it('when a node cannot be brought back; the others still are', async () => {
    const fake = upgrade()
    fake.sick.add(release('b').id)
    fake.onAct = failAt((act) => act === 'restore backup')
    const gate: FakeLattice['gate'] = async (node, question) =>
      node === 'primary' ? { ok: true, tookMs: 1 } : fake.gate(node, question)
    expect(await fake.deploy('b', 'y', { gate })).toMatchObject({
      result: 'split',
      failure: { step: 'gate:backup' },
      warnings: ['backup could not be brought back: no luck'],
      nodes: [
        { name: 'primary', state: 'old' },
        { name: 'backup', state: 'unknown', generation: null },
        { name: 'space', state: 'unchanged' },
      ],
    })
    expect(fake.state).toEqual(['space ax running', 'primary ax running', 'backup by running'])
    expect(fake.records.at(-1)).toMatchObject({ type: 'end', result: 'split' })
  })

  it('when one that is back is not well', async () => {
    const fake = upgrade()
    fake.sick.add(release('a').id).add(release('b').id)
    expect(await fake.deploy('b', 'y')).toMatchObject({
      result: 'split',
      warnings: [expect.stringMatching(/^primary could not be brought back: r.+ is sick$/)],
    })
    expect(fake.state).toEqual(old)
  })
})
