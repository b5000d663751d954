import { Dice } from './dice.ts'

/**
 * What is done to which nodes. `start-up`: killed again before the new process can be ready.
 * `catch-up`: killed again while it fetches what was written without it. `wipe`: the data directory is
 * lost too. `wipe-beside`: while another node is down. `refill`: killed again while it fetches everything.
 */
export const strikeKinds = [
  'one',
  'two',
  'start-up',
  'catch-up',
  'wipe',
  'wipe-beside',
  'refill',
] as const
export type StrikeKind = (typeof strikeKinds)[number]

export interface Strike {
  kind: StrikeKind
  /** Milliseconds after the strike before it. */
  afterMs: number
  /** The first one is wiped in the kinds that wipe, and killed again in the kinds that do. */
  victims: readonly { node: number; downMs: number }[]
  /** Milliseconds from its new process (`start-up`) or its first answer; null: it is left alone. */
  againAfterMs: number | null
}

/** Of every kind what one round has; 19 kills. */
const ROUND: readonly StrikeKind[] = [
  ...(['one', 'one', 'one', 'one', 'two', 'start-up', 'start-up', 'catch-up', 'catch-up'] as const),
  ...(['wipe', 'wipe-beside', 'refill'] as const),
]
/** A disk takes longer to lose than a clock's promise leads (`CLOCK_LEAD_US_MAX`): the ledger counts on it. */
const WIPE_MS_MIN = 1200

export const isWiping = (kind: StrikeKind): boolean =>
  kind === 'wipe' || kind === 'wipe-beside' || kind === 'refill'

export const killsOf = ({ victims, againAfterMs }: Strike): number =>
  victims.length + (againAfterMs === null ? 0 : 1)

/** Strikes with `kills` kills in all, every kind in every round. The same seed gives the same plan. */
export function planOf(seed: number, kills: number, nodeCount: number): Strike[] {
  const dice = new Dice(seed)
  const strikes: Strike[] = []
  let left = kills
  while (left > 0) {
    for (const kind of dice.shuffled(ROUND)) {
      const drawn = strikeOf(kind, dice, nodeCount)
      const strike = killsOf(drawn) <= left ? drawn : strikeOf('one', dice, nodeCount)
      strikes.push(strike)
      left -= killsOf(strike)
      if (left === 0) break
    }
  }
  return strikes
}

function strikeOf(kind: StrikeKind, dice: Dice, nodeCount: number): Strike {
  const nodes = dice.shuffled(Array.from({ length: nodeCount }, (_, index) => index))
  const count = kind === 'two' || kind === 'wipe-beside' ? 2 : 1
  const downMsOf = (index: number): number => {
    if (index === 0 && isWiping(kind)) return dice.int(WIPE_MS_MIN, WIPE_MS_MIN + 600)
    return kind === 'catch-up' ? dice.int(800, 1600) : dice.int(0, 600)
  }
  return {
    kind,
    afterMs: dice.int(30, 600),
    victims: nodes.slice(0, count).map((node, index) => ({ node, downMs: downMsOf(index) })),
    againAfterMs: againAfterMsOf(kind, dice),
  }
}

function againAfterMsOf(kind: StrikeKind, dice: Dice): number | null {
  switch (kind) {
    case 'start-up':
      return dice.int(0, 500)
    case 'catch-up':
    case 'refill':
      return dice.int(0, 300)
    case 'one':
    case 'two':
    case 'wipe':
    case 'wipe-beside':
      return null
  }
}
