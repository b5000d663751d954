import type { Sighting } from './sighting.ts'
import type { AcknowledgedEntry } from './writes.ts'

/** What a look at a node says of the acknowledged entries of others. */
export interface Arrivals {
  /** Entries that it holds and lacked at the look before. */
  arrived: readonly AcknowledgedEntry[]
  /** Age of the oldest acknowledged entry that it lacks; 0: none; null: the node did not answer. */
  stalenessMs: number | null
}

/** Which acknowledged entries each node still lacks. */
export class Lacking {
  readonly #lacking: Map<string, AcknowledgedEntry[]>

  constructor(nodes: readonly string[]) {
    this.#lacking = new Map(nodes.map((node) => [node, []]))
  }

  acknowledged(entry: AcknowledgedEntry): void {
    for (const [node, entries] of this.#lacking) {
      if (node !== entry.node) entries.push(entry)
    }
  }

  sighted({ node, askedMs, view }: Sighting): Arrivals {
    if (view === null) return { arrived: [], stalenessMs: null }
    const entries = this.#lacking.get(node) ?? []
    const isHeld = ({ author, seq }: AcknowledgedEntry): boolean =>
      seq < (view.frontier[author] ?? 0)
    const arrived = entries.filter(isHeld)
    const still = entries.filter((entry) => !isHeld(entry))
    this.#lacking.set(node, still)
    const stalenessMs = Math.max(0, ...still.map((entry) => askedMs - entry.ackedMs))
    return { arrived, stalenessMs }
  }
}
