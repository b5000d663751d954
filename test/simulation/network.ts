import type { Via } from '../../src/node/replica/exchange.ts'
import type { Fault } from './plan.ts'

type CutFault = Extract<Fault, { kind: 'cut' }>

/** Milliseconds that a message takes: at least, and this much more by chance. */
const DELAY_MS_MIN = 1
const DELAY_MS_SPREAD = 12
/** Gossip of which one in so many comes late, after what was sent behind it. */
const LATE_ONE_IN = 20
const LATE_MS = 400

/**
 * Which messages pass, when, and how often. What happens to a message hangs on the seed and on its own
 * number between its two ends, not on one stream of chance: a fault taken out of a plan leaves the rest
 * as it was.
 */
export class Network {
  readonly #seed: number
  readonly #counters = new Map<string, number>()
  readonly #cuts = new Map<string, number>()
  #lossPermille = 0

  constructor(seed: number) {
    this.#seed = seed
  }

  setLoss(lossPermille: number): void {
    this.#lossPermille = lossPermille
  }

  /** Cuts may overlap; each is healed for itself. */
  cut({ link: [from, to], isOneWay, lungs }: CutFault, isCut: boolean): void {
    for (const via of lungs === 'both' ? (['P2P', 'HTTP'] as const) : [lungs]) {
      this.#count(linkOf(from, to, via), isCut)
      if (!isOneWay) this.#count(linkOf(to, from, via), isCut)
    }
  }

  isCut(from: number, to: number, via: Via): boolean {
    return (this.#cuts.get(linkOf(from, to, via)) ?? 0) > 0
  }

  isCutEitherWay(a: number, b: number, via: Via): boolean {
    return this.isCut(a, b, via) || this.isCut(b, a, via)
  }

  /** Milliseconds that something on a connection takes. */
  delayMs(from: number, to: number): number {
    return DELAY_MS_MIN + (this.#chance(from, to) % DELAY_MS_SPREAD)
  }

  /** Delays of the copies of a gossip message that arrive; none when it is lost. */
  gossipDelaysMs(from: number, to: number): number[] {
    const isLost = this.#chance(from, to) % 1000 < this.#lossPermille
    if (isLost) return []
    const isLate = this.#chance(from, to) % LATE_ONE_IN === 0
    const delayMs = this.delayMs(from, to) + (isLate ? LATE_MS : 0)
    const isDoubled = this.#chance(from, to) % 1000 < this.#lossPermille / 2
    return isDoubled ? [delayMs, delayMs + this.delayMs(from, to)] : [delayMs]
  }

  #count(link: string, isCut: boolean): void {
    this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + (isCut ? 1 : -1))
  }

  #chance(from: number, to: number): number {
    const key = `${from}>${to}`
    const counter = this.#counters.get(key) ?? 0
    this.#counters.set(key, counter + 1)
    return mixed(this.#seed, from * 31 + to, counter)
  }
}

const linkOf = (from: number, to: number, via: Via): string => `${from}>${to} ${via}`

/** 32 bits that look like chance and are the same for the same numbers (murmur3's finalizer). */
function mixed(...numbers: readonly number[]): number {
  let hash = 0x9e3779b9
  for (const number of numbers) {
    hash = Math.imul(hash ^ number, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}
