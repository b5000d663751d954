import { beforeEach, describe, expect, it } from 'vitest'
import { SYNC_ENTRIES_MAX } from '../../wire/limits.ts'
import { ForkSearch } from './fork-search.ts'
import { FORK_WINDOW_FACTOR, FORK_WINDOW_FIRST } from './limits.ts'

const held = new Map([
  ['a', 5000],
  ['b', 100],
])
const ended = { rttMs: 1, entryCount: 0 }

let search: ForkSearch
beforeEach(() => {
  search = new ForkSearch()
})

describe('a peer that differs', () => {
  it('is asked for the newest again, further back each time, until all was looked through', () => {
    search.begin('p', 7)
    expect(search.sinceMs('p')).toBe(7)
    expect(search.frontierFor('p', held)).toEqual(new Map([['a', 5000 - FORK_WINDOW_FIRST]]))
    search.lookedThrough('p', ended, held)
    const second = FORK_WINDOW_FIRST * FORK_WINDOW_FACTOR
    expect(search.frontierFor('p', held)).toEqual(new Map([['a', 5000 - second]]))
    search.lookedThrough('p', ended, held)
    expect(search.frontierFor('p', held)).toEqual(new Map())
    search.lookedThrough('p', ended, held)
    expect(search.sinceMs('p')).toBeNull()
    expect(search.frontierFor('p', held)).toEqual(held)
    search.begin('p', 9)
    expect(search.sinceMs('p')).toBeNull()
  })

  it('is not counted as looked through by an exchange that failed', () => {
    search.begin('p', 7)
    search.lookedThrough('p', { error: 'cut off' }, held)
    expect(search.frontierFor('p', held)).toEqual(new Map([['a', 5000 - FORK_WINDOW_FIRST]]))
  })

  it('is asked for no more than one answer brings', () => {
    const many = new Map([['a', 10 * SYNC_ENTRIES_MAX]])
    search.begin('p', 7)
    for (let round = 0; round < 20; round += 1) search.lookedThrough('p', ended, many)
    expect(search.sinceMs('p')).toBeNull()
  })

  it('is asked as any other once it agrees, and anew when it differs again', () => {
    search.begin('p', 7)
    search.lookedThrough('p', ended, held)
    search.stop('p')
    expect(search.frontierFor('p', held)).toEqual(held)
    search.begin('p', 20)
    expect(search.sinceMs('p')).toBe(20)
    expect(search.frontierFor('p', held)).toEqual(new Map([['a', 5000 - FORK_WINDOW_FIRST]]))
    expect(search.sinceMs('q')).toBeNull()
  })
})
