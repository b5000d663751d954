import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { applyPlan } from './apply.ts'
import { payload, type FakeLattice } from './fixtures/fake-lattice.ts'
import { allOf, upgrade } from './fixtures/upgrade.ts'
import type { Gate, Outcome } from './progress.ts'

/** Brings all three nodes from ax to by as a rollback does, or as a deploy. */
async function go(
  fake: FakeLattice,
  kind: 'rollback' | 'deploy',
  gate: Gate,
  interrupt = new AbortController(),
): Promise<Outcome> {
  const plan = { ...(await fake.plan('b', 'y')), kind }
  return applyPlan(plan, payload('b', 'y'), fake.options({ gate, signal: interrupt.signal }))
}

const switching = (fake: FakeLattice): string[] =>
  fake.acts.filter((act) => /^(?:activate|gate|proven|restore) /.test(act))

/** Says at once that a node fits in, and that it is proven when so many turns are over. */
const slowGate =
  (fake: FakeLattice, isBad: (node: string) => boolean = () => false): Gate =>
  async (node, question) => {
    fake.act(`gate ${node}`)
    const beside = question.onFit?.()
    if (beside !== undefined) fake.act(`fits ${node} beside ${beside.toSorted().join(' ')}`)
    for (let turns = 0; turns < 20; turns++) await nextTurn()
    question.signal.throwIfAborted()
    if (isBad(node) && question.generation.release.startsWith('rb')) {
      return { ok: false, reason: `${node} went bad`, hint: 'see its log' }
    }
    fake.act(`proven ${node}`)
    return { ok: true, tookMs: 1 }
  }

describe('on the way back to a proven release', () => {
  it('the next node is switched once the one before fits in, and no further than that', async () => {
    const fake = upgrade()
    expect(await go(fake, 'rollback', slowGate(fake))).toMatchObject({ result: 'deployed' })
    expect(fake.state).toEqual(allOf('by', 'running'))
    const acts = switching(fake)
    const at = (act: string): number => acts.indexOf(act)
    expect(at('activate backup')).toBeLessThan(at('proven primary'))
    expect(at('proven primary')).toBeLessThan(at('activate space'))
    expect(at('activate space')).toBeLessThan(at('proven backup'))
    expect(acts.at(-1)).toBe('proven space')
  })

  it('a node has to stay well beside those that are not switched any more', async () => {
    const fake = upgrade()
    await go(fake, 'rollback', slowGate(fake))
    expect(fake.acts.filter((act) => act.startsWith('fits '))).toEqual([
      'fits primary beside primary',
      'fits backup beside backup primary',
    ])
  })

  it('a node that goes bad while the next one is switched brings all back', async () => {
    const fake = upgrade()
    const outcome = await go(
      fake,
      'rollback',
      slowGate(fake, (node) => node === 'primary'),
    )
    expect(outcome).toMatchObject({
      result: 'restored',
      failure: { step: 'gate:primary', reason: 'primary went bad' },
    })
    expect(fake.state).toEqual(allOf('ax', 'running'))
    expect(switching(fake)).not.toContain('activate space')
  })

  it('an interrupt while two nodes are under way brings both back', async () => {
    const fake = upgrade()
    const interrupt = new AbortController()
    fake.onAct = (act) => {
      if (act === 'gate backup') interrupt.abort()
    }
    const outcome = await go(fake, 'rollback', slowGate(fake), interrupt)
    expect(outcome).toMatchObject({ result: 'restored', failure: { code: 'interrupted' } })
    expect(fake.state).toEqual(allOf('ax', 'running'))
  })

  it('a node is written down as proven only when it is', async () => {
    const fake = upgrade()
    await go(fake, 'rollback', slowGate(fake))
    const steps = fake.records.flatMap((record) =>
      record.type === 'step' && record.action === 'gate' ? [`${record.id} ${record.state}`] : [],
    )
    expect(steps.filter((step) => step.endsWith('done'))).toEqual([
      'gate:primary done',
      'gate:backup done',
      'gate:space done',
    ])
    expect(fake.records.at(-1)).toMatchObject({ type: 'end', result: 'deployed' })
  })
})

it('a deploy switches no node before the one before it is proven', async () => {
  const fake = upgrade()
  expect(await go(fake, 'deploy', slowGate(fake))).toMatchObject({ result: 'deployed' })
  expect(fake.acts.some((act) => act.startsWith('fits '))).toBe(false)
  expect(switching(fake)).toEqual(
    ['primary', 'backup', 'space'].flatMap((name) => [
      `activate ${name}`,
      `gate ${name}`,
      `proven ${name}`,
    ]),
  )
})
