import { describe, expect, it } from 'vitest'
import { JournalError } from './errors.ts'
import type { JournalRecord } from './journal-record.ts'
import type { Step } from './plan.ts'
import { Run } from './run.ts'

/** A journal whose writings end when the test says so. */
class SlowJournal {
  readonly writings: { records: readonly JournalRecord[]; done: PromiseWithResolvers<void> }[] = []

  async append(records: readonly JournalRecord[]): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.writings.push({ records, done })
    await done.promise
  }

  read(): Promise<JournalRecord[]> {
    return Promise.reject(new Error('nobody reads here'))
  }

  /** What the writings so far consist of. */
  get written(): string[][] {
    return this.writings.map(({ records }) =>
      records.map((record) => (record.type === 'step' ? `${record.id} ${record.state}` : 'begin')),
    )
  }
}

const stepOf = (node: string): Step => ({ id: `stage:${node}`, node, action: 'stage', detail: '' })

const turn = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

function runOn(journal: SlowJournal, lost = new AbortController()): { run: Run; done: string[] } {
  const targets = ['a', 'b', 'c'].map((name) => ({ name }) as never)
  const lock = { token: 1, signal: lost.signal }
  const gate = (): Promise<never> => Promise.reject(new Error('nothing is proven here'))
  const run = new Run('1', { targets, gate, journal, lock }, [])
  const release = { id: 'r', version: '1' }
  run.begin({ kind: 'deploy', plan: '', release, nodes: [], active: [] })
  return { run, done: [] }
}

describe('the journal of a run', () => {
  it('has what begins at once in one writing, behind the beginning of the run', async () => {
    const journal = new SlowJournal()
    const { run, done } = runOn(journal)
    const steps = ['a', 'b'].map((node) => run.step(stepOf(node), async () => void done.push(node)))
    await turn()
    expect(journal.written).toEqual([['begin', 'stage:a begun', 'stage:b begun']])
    expect(done).toEqual([])
    journal.writings[0]?.done.resolve()
    await Promise.all(steps)
    expect(done.toSorted()).toEqual(['a', 'b'])
    expect(journal.writings).toHaveLength(1)
  })

  it('is written once at a time, so that no host has a step without what stands before it', async () => {
    const journal = new SlowJournal()
    const { run } = runOn(journal)
    const first = run.step(stepOf('a'), async () => {})
    await turn()
    const others = ['b', 'c'].map((node) => run.step(stepOf(node), async () => {}))
    await turn()
    expect(journal.written).toEqual([['begin', 'stage:a begun']])
    journal.writings[0]?.done.resolve()
    await first
    await turn()
    expect(journal.written[1]).toEqual(['stage:b begun', 'stage:c begun'])
    journal.writings[1]?.done.resolve()
    await Promise.all(others)
  })

  it('ends the run where it cannot be written: nothing that waited for it begins', async () => {
    const journal = new SlowJournal()
    const { run, done } = runOn(journal)
    const first = run.step(stepOf('a'), async () => void done.push('a'))
    await turn()
    const second = run.step(stepOf('b'), async () => void done.push('b'))
    const failure = new JournalError('journal', 'the disk is full', {})
    journal.writings[0]?.done.reject(failure)
    const outcomes = await Promise.allSettled([first, second])
    expect(outcomes).toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
    ])
    expect(done).toEqual([])
    expect(journal.writings).toHaveLength(1)
  })
})
