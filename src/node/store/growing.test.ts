import { expect, it } from 'vitest'
import { Directory, emptyBatch, entriesOf } from './store.fixture.ts'

it('an audit of a log that grows meanwhile reads it as far as it went, and finds nothing wrong', () => {
  using directory = new Directory()
  const store = directory.store()
  const entries = entriesOf(0, 700)
  store.commit({ ...emptyBatch, entries: entries.slice(0, 16) }, 1)

  const reading = store.audited('all')
  const read = [reading.next().value]
  // More than a page, so that the next one would begin behind what came.
  store.commit({ ...emptyBatch, entries: entries.slice(16) }, 1)
  read.push(...reading)

  expect(read).toHaveLength(16)
  expect([...store.audited('all')]).toHaveLength(700)
  store.close()
})
