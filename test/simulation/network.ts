import type { Via } from '../../src/node/replica/exchange.ts'
import { Chance } from './chance.ts'
import type { Cut } from './plan.ts'

/** Milliseconds that a message takes: at least, and this much more by chance. */
const DELAY_MS_MIN = 1
const DELAY_MS_SPREAD = 12
/** Gossip of which one in so many comes late, after what was sent behind it. */
const LATE_ONE_IN = 20
const LATE_MS = 400

interface Link {
  readonly chance: Chance
  readonly cuts: Record<Via, number>
  /** Milliseconds of chance that are added to each message. */
  spreadMs: number
}

/** Which messages pass, when, and how often. */
export class Network {
  readonly #size: number
  readonly #links: readonly Link[]
  #lossPermille = 0

  constructor(seed: number, size: number) {
    this.#size = size
    this.#links = Array.from({ length: size * size }, (_, index) => ({
      chance: new Chance(seed, index),
      cuts: { P2P: 0, HTTP: 0 },
      spreadMs: 0,
    }))
  }

  /** More is lost and doubled, and all of it takes longer by chance. */
  disturb(lossPermille: number, spreadMs: number): void {
    this.#lossPermille = lossPermille
    for (const link of this.#links) link.spreadMs = spreadMs
  }

  /** Nothing passes from one to the other. Cuts may overlap; each is healed for itself. */
  cut(from: number, to: number, lungs: Cut, isCut: boolean): void {
    const { cuts } = this.#link(from, to)
    for (const via of ['P2P', 'HTTP'] as const) {
      if (lungs === 'both' || lungs === via) cuts[via] += isCut ? 1 : -1
    }
  }

  isCut(from: number, to: number, via: Via): boolean {
    return this.#link(from, to).cuts[via] > 0
  }

  isCutEitherWay(a: number, b: number, via: Via): boolean {
    return this.isCut(a, b, via) || this.isCut(b, a, via)
  }

  /** Milliseconds that something on a connection takes. */
  delayMs(from: number, to: number): number {
    const { chance, spreadMs } = this.#link(from, to)
    return DELAY_MS_MIN + chance.below(DELAY_MS_SPREAD + spreadMs)
  }

  /** Delays of the copies of a gossip message that arrive; none when it is lost. */
  gossipDelaysMs(from: number, to: number): number[] {
    const { chance } = this.#link(from, to)
    if (chance.below(1000) < this.#lossPermille) return []
    const isLate = chance.isOneIn(LATE_ONE_IN)
    const delayMs = this.delayMs(from, to) + (isLate ? LATE_MS : 0)
    const isDoubled = chance.below(1000) < this.#lossPermille / 2
    return isDoubled ? [delayMs, delayMs + this.delayMs(from, to)] : [delayMs]
  }

  #link(from: number, to: number): Link {
    const link = this.#links[from * this.#size + to]
    if (link === undefined) throw new RangeError(`no link ${from}>${to}`)
    return link
  }
}
