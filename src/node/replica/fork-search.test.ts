import { beforeEach, describe, expect, it } from 'vitest'
import type { Frontier } from '../../wire/frontier.ts'
import { SYNC_ENTRIES_MAX } from '../../wire/limits.ts'
import type { PullResult } from './exchange.ts'
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

/** An exchange that began when the search was what it is. */
function exchange(result: PullResult = ended, frontier: Frontier = held): void {
  search.asks('p', 'HTTP')
  search.lookedThrough('p', 'HTTP', result, frontier)
}

describe('a peer that differs', () => {
  it('is asked for the newest again, further back each time, until all was looked through', () => {
    search.begin('p', 7)
    expect(search.sinceMs('p')).toBe(7)
    expect(search.frontierFor('p', held)).toEqual(new Map([['a', 5000 - FORK_WINDOW_FIRST]]))
    exchange()
    const second = FORK_WINDOW_FIRST * FORK_WINDOW_FACTOR
    expect(search.frontierFor('p', held)).toEqual(new Map([['a', 5000 - second]]))
    exchange()
    expect(search.frontierFor('p', held)).toEqual(new Map())
    exchange()
    expect(search.sinceMs('p')).toBeNull()
    expect(search.frontierFor('p', held)).toEqual(held)
    search.begin('p', 9)
    expect(search.sinceMs('p')).toBeNull()
  })

  it('is not counted as looked through by an exchange that failed', () => {
    search.begin('p', 7)
    exchange({ error: 'cut off' })
    expect(search.frontierFor('p', held)).toEqual(new Map([['a', 5000 - FORK_WINDOW_FIRST]]))
  })

  it('is not counted as looked through by an exchange that asked for less', () => {
    search.asks('p', 'HTTP')
    search.begin('p', 7)
    search.lookedThrough('p', 'HTTP', ended, held)
    const first = new Map([['a', 5000 - FORK_WINDOW_FIRST]])
    expect(search.frontierFor('p', held)).toEqual(first)
    // Over both at once: the first to end is followed by a wider search, the second did not ask for that.
    search.asks('p', 'HTTP')
    search.asks('p', 'P2P')
    search.lookedThrough('p', 'P2P', ended, held)
    const second = new Map([['a', 5000 - FORK_WINDOW_FIRST * FORK_WINDOW_FACTOR]])
    expect(search.frontierFor('p', held)).toEqual(second)
    search.lookedThrough('p', 'HTTP', ended, held)
    expect(search.frontierFor('p', held)).toEqual(second)
  })

  it('is asked for no more than one answer brings', () => {
    const many = new Map([['a', 10 * SYNC_ENTRIES_MAX]])
    search.begin('p', 7)
    for (let round = 0; round < 20; round += 1) exchange(ended, many)
    expect(search.sinceMs('p')).toBeNull()
  })

  it('is asked as any other once it agrees, and anew when it differs again', () => {
    search.begin('p', 7)
    exchange()
    search.stop('p')
    expect(search.frontierFor('p', held)).toEqual(held)
    search.begin('p', 20)
    expect(search.sinceMs('p')).toBe(20)
    expect(search.frontierFor('p', held)).toEqual(new Map([['a', 5000 - FORK_WINDOW_FIRST]]))
    expect(search.sinceMs('q')).toBeNull()
  })
})
