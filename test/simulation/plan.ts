import * as fc from 'fast-check'
import type { Intent } from '../../src/wire/intent.ts'
import type { SyncPolicy } from '../../src/wire/protocol.ts'

/** What goes wrong in a run, as plain data: it is printed when a run fails, and shrunk. Times in ms. */
export type Fault =
  /** Killed; what it was doing then is done, or lost before its commit, or committed and never told. */
  | { kind: 'crash'; atMs: number; node: number; forMs: number; moment: CrashMoment }
  /** Killed, and comes back with an empty disk. */
  | { kind: 'wipe'; atMs: number; node: number; forMs: number }
  /** Nothing passes from one node to another over these lungs, in silence; or neither way. */
  | {
      kind: 'cut'
      atMs: number
      link: readonly [from: number, to: number]
      isOneWay: boolean
      forMs: number
      lungs: Cut
    }
  /** Gossip is lost, doubled and delayed more than usual. */
  | { kind: 'noise'; atMs: number; forMs: number; lossPermille: number }
  /** The P2P lung is switched off. */
  | { kind: 'p2p-stop'; atMs: number; node: number; forMs: number }
  /** The wall clock jumps to so much beside the true time, and stays there. */
  | { kind: 'clock'; atMs: number; node: number; toMs: number }
  | { kind: 'policy'; atMs: number; node: number; forMs: number; policy: SyncPolicy }

export type CrashMoment = 'idle' | 'before-commit' | 'after-commit'
export type Cut = 'P2P' | 'HTTP' | 'both'

/** A client's request. */
export interface Submission {
  atMs: number
  node: number
  intents: readonly Intent[]
}

/** A whole run: the same plan is the same run, to the last step. */
export interface Plan {
  /** Decides what the network does with each message. */
  seed: number
  faults: readonly Fault[]
  submissions: readonly Submission[]
}

/** Faults begin and end within this time; then everything must come together again. */
export const FAULTS_END_MS = 5000
const FAULT_MS_MAX = 3000

const node = fc.nat(2)
const atMs = fc.nat(FAULTS_END_MS - FAULT_MS_MAX)
const forMs = fc.integer({ min: 50, max: FAULT_MS_MAX })
/** A disk is not lost and made anew in less than the lead of a clock floor. */
const wipeForMs = fc.integer({ min: 1000, max: FAULT_MS_MAX })
const link = fc.constantFrom(
  ...([
    [0, 1],
    [1, 2],
    [0, 2],
    [1, 0],
    [2, 1],
    [2, 0],
  ] as const),
)
const just = <T extends string>(kind: T): fc.Arbitrary<T> => fc.constant(kind)

const fault: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: just('crash'),
      atMs,
      node,
      forMs,
      moment: fc.constantFrom<CrashMoment>('idle', 'before-commit', 'after-commit'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: just('wipe'), atMs, node, forMs: wipeForMs }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: just('cut'),
      atMs,
      link,
      isOneWay: fc.boolean(),
      forMs,
      lungs: fc.constantFrom<Cut>('P2P', 'HTTP', 'both', 'both'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: just('noise'),
      atMs,
      forMs,
      lossPermille: fc.integer({ min: 50, max: 900 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: just('p2p-stop'), atMs, node, forMs }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: just('clock'),
      atMs,
      node,
      // Two nodes are never further apart than an entry's clock may be ahead.
      toMs: fc.integer({ min: -20_000, max: 20_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: just('policy'),
      atMs,
      node,
      forMs,
      policy: fc.constantFrom<SyncPolicy>('http', 'p2p'),
    }),
  },
)

const account = fc.constantFrom('Alice', 'Bob', 'Carol')
const intent: fc.Arbitrary<Intent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        kind: just('transfer'),
        from: account,
        to: account,
        // Large beside the balances, so that a merge reveals overdrafts.
        amount: fc.integer({ min: 1, max: 900 }),
      })
      .filter(({ from, to }) => from !== to),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: just('issue'),
      to: account,
      amount: fc.integer({ min: 1, max: 500 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: just('noop'), note: fc.constant('canary') }) },
)

const submission: fc.Arbitrary<Submission> = fc.record({
  atMs: fc.nat(FAULTS_END_MS),
  node,
  intents: fc.array(intent, { minLength: 1, maxLength: 3 }),
})

/** A client in a hurry: many requests to one node within a few milliseconds. */
const burst: fc.Arbitrary<Submission[]> = fc
  .record({
    atMs: fc.nat(FAULTS_END_MS),
    node,
    all: fc.array(intent, { minLength: 10, maxLength: 40 }),
  })
  .map(({ atMs: beganMs, node: to, all }) =>
    all.map((one, index) => ({ atMs: beganMs + (index >> 3), node: to, intents: [one] })),
  )

export const plan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.integer({ min: 0, max: 0x7fffffff }),
  faults: fc.array(fault, { minLength: 1, maxLength: 8 }),
  submissions: fc
    .array(
      fc.oneof(
        { weight: 9, arbitrary: submission.map((one) => [one]) },
        { weight: 1, arbitrary: burst },
      ),
      { minLength: 4, maxLength: 24 },
    )
    .map((parts) => parts.flat()),
})
