import { objectives, POOR_SECONDS_MAX, SILENT_MS_MAX, UNLINKED_MS_MAX } from '../limits.ts'
import type { Finding } from './measure.ts'
import type { Sighting } from './sighting.ts'
import type { Write } from './writes.ts'

const SECOND_MS = 1000

/**
 * When a drill must undo its fault at once: it harms more than it was to break. Fed with everything that
 * is seen, in order; each call says why to stop, or null. `target`: the node with the fault, of which
 * nothing is expected; null: all nodes are to be well.
 */
export class StopConditions {
  readonly #target: string | null
  readonly #instances = new Map<string, string>()
  readonly #silentSinceMs = new Map<string, number>()
  readonly #unlinkedSinceMs = new Map<string, number>()
  readonly #seconds = new Map<number, { attempted: number; succeeded: number }>()

  constructor(target: string | null) {
    this.#target = target
  }

  sighted(sighting: Sighting): Finding | null {
    const { node, view } = sighting
    if (view?.isDiverged === true) return fail(`${node} says that the lattice has diverged`)
    if (node === this.#target) return null
    return this.#silence(sighting) ?? this.#illness(sighting) ?? this.#links(sighting)
  }

  wrote({ node, endedMs, outcome }: Write): Finding | null {
    if (node === this.#target) return null
    const second = Math.floor(endedMs / SECOND_MS)
    const { attempted, succeeded } = this.#seconds.get(second) ?? { attempted: 0, succeeded: 0 }
    this.#seconds.set(second, {
      attempted: attempted + 1,
      succeeded: succeeded + (outcome.kind === 'acknowledged' ? 1 : 0),
    })
    const whole = Array.from({ length: POOR_SECONDS_MAX }, (_, index) => second - 1 - index)
    if (!whole.every((each) => this.#isPoor(each))) return null
    const limit = `${objectives.othersSuccessMin * 100} %`
    return fail(
      `under ${limit} of the writes to nodes without a fault succeeded, ${POOR_SECONDS_MAX} seconds in a row`,
    )
  }

  #isPoor(second: number): boolean {
    const counts = this.#seconds.get(second)
    return counts !== undefined && counts.succeeded / counts.attempted < objectives.othersSuccessMin
  }

  /** From the first question without an answer: a pause of the drill itself is no silence. */
  #silence({ node, askedMs, atMs, view }: Sighting): Finding | null {
    if (view !== null) {
      this.#silentSinceMs.delete(node)
      return null
    }
    const sinceMs = this.#silentSinceMs.get(node) ?? askedMs
    this.#silentSinceMs.set(node, sinceMs)
    return atMs - sinceMs < SILENT_MS_MAX
      ? null
      : fail(`${node} has not answered for ${Math.round(atMs - sinceMs)} ms`)
  }

  #illness({ node, view }: Sighting): Finding | null {
    if (view === null) return null
    const instance = this.#instances.get(node) ?? view.instance
    this.#instances.set(node, instance)
    if (view.instance !== instance) return fail(`${node} was restarted`)
    return view.isStoring ? null : fail(`${node} cannot store what it accepts`)
  }

  #links({ node, atMs, view }: Sighting): Finding | null {
    for (const [peer, link] of view?.links ?? []) {
      const name = `${node} → ${peer}`
      if (peer === this.#target || link.transport !== 'NONE') {
        this.#unlinkedSinceMs.delete(name)
        continue
      }
      const sinceMs = this.#unlinkedSinceMs.get(name) ?? atMs
      this.#unlinkedSinceMs.set(name, sinceMs)
      if (atMs - sinceMs >= UNLINKED_MS_MAX) {
        return fail(`${node} and ${peer} have lost each other, and neither has the fault`)
      }
    }
    return null
  }
}

const fail = (reason: string): Finding => ({ verdict: 'FAIL', reason })
