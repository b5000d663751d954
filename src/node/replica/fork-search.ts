import { sizeAt, totalOf, type Frontier } from '../../wire/frontier.ts'
import { SYNC_ENTRIES_MAX } from '../../wire/limits.ts'
import type { PullResult, Via } from './exchange.ts'
import { FORK_WINDOW_FACTOR, FORK_WINDOW_FIRST } from './limits.ts'

interface Search {
  sinceMs: number
  /** How many of the newest entries of each log are asked for again. */
  window: number
  /** Where an exchange is under way that asks for as many. */
  asked: Set<Via>
}

/**
 * Looks for where two histories part. Exchanges go by sizes, so two branches of one length would never be
 * shown to each other: from a peer that holds other entries than we do, the newest of each log are fetched
 * again, further back each time, until one of them proves the fork, or the window holds all that one answer
 * can bring.
 */
export class ForkSearch {
  readonly #searches = new Map<string, Search>()
  /** Peers for which all was looked through; until they agree with us again. */
  readonly #given = new Set<string>()

  /** A peer was found to differ. */
  begin(peerId: string, nowMs: number): void {
    if (this.#searches.has(peerId) || this.#given.has(peerId)) return
    this.#searches.set(peerId, { sinceMs: nowMs, window: FORK_WINDOW_FIRST, asked: new Set() })
  }

  /** It does not differ any more. */
  stop(peerId: string): void {
    this.#searches.delete(peerId)
    this.#given.delete(peerId)
  }

  /** Since when something is to be fetched from it for this; null: nothing is. */
  sinceMs(peerId: string): number | null {
    return this.#searches.get(peerId)?.sinceMs ?? null
  }

  /** What to ask a peer with, as what we hold: less than that where it holds other entries. */
  frontierFor(peerId: string, held: Frontier): Frontier {
    const search = this.#searches.get(peerId)
    return search === undefined ? held : before(held, search.window)
  }

  /** An exchange is about to begin. One that is under way by then asks for less, and settles nothing. */
  asks(peerId: string, via: Via): void {
    this.#searches.get(peerId)?.asked.add(via)
  }

  /** An exchange ended, and the peer still differs. */
  lookedThrough(peerId: string, via: Via, result: PullResult, held: Frontier): void {
    const search = this.#searches.get(peerId)
    if (search?.asked.delete(via) !== true || 'error' in result) return
    const asked = totalOf(held) - totalOf(before(held, search.window))
    const isAll = asked === totalOf(held) || asked >= SYNC_ENTRIES_MAX
    if (!isAll) {
      search.window *= FORK_WINDOW_FACTOR
      search.asked.clear()
    } else {
      this.#searches.delete(peerId)
      this.#given.add(peerId)
    }
  }
}

/** A frontier without the newest `count` entries of each log. */
function before(frontier: Frontier, count: number): Frontier {
  return new Map(
    [...frontier.keys()]
      .map((author) => [author, sizeAt(frontier, author) - count] as const)
      .filter(([, size]) => size > 0),
  )
}
