import * as fc from 'fast-check'
import type { ReceiptLevel } from '../../src/node/replica/receipts.ts'
import type { Intent } from '../../src/wire/intent.ts'
import type { SyncPolicy } from '../../src/wire/protocol.ts'
import {
  FAULTS_PER_HOUR_MAX,
  nodeCounts,
  quiet,
  signedLies,
  unsignedLies,
  type CrashMoment,
  type Cut,
  type Fault,
  type NodeCount,
  type Plan,
  type Submission,
} from './plan.ts'

/** Made-up plans. Times in ms. */
const FAULT_MS_MAX = 3000
/** A disk is not lost and made anew in less than the lead of a clock floor. */
const LOSS_MS_MIN = 1000
/** So far apart clocks still take each other's entries. */
const CLOCK_NEAR_MS = 20_000
const CLOCK_FAR_MS = 300_000

const just = <T extends string>(kind: T): fc.Arbitrary<T> => fc.constant(kind)
const node = fc.nat(Math.max(...nodeCounts) - 1)
const forMs = fc.integer({ min: 50, max: FAULT_MS_MAX })
const lossForMs = fc.integer({ min: LOSS_MS_MIN, max: FAULT_MS_MAX })
const lungs = fc.constantFrom<Cut>('P2P', 'HTTP', 'both', 'both')

/** A fault that begins at one of these moments. */
const faultAt = (atMs: fc.Arbitrary<number>): fc.Arbitrary<Fault> => {
  const kinds: [weight: number, arbitrary: fc.Arbitrary<Fault>][] = [
    [
      4,
      fc.record({
        kind: just('crash'),
        atMs,
        node,
        forMs,
        moment: fc.constantFrom<CrashMoment>('idle', 'before-commit', 'torn', 'after-commit'),
      }),
    ],
    [2, fc.record({ kind: just('wipe'), atMs, node, forMs: lossForMs })],
    [
      1,
      fc.record({
        kind: just('rot'),
        atMs,
        node,
        forMs: lossForMs,
        damage: fc.constantFrom('flip', 'snapshot', 'tail'),
      }),
    ],
    [
      1,
      fc.record({
        kind: just('disk'),
        atMs,
        node,
        forMs,
        failure: fc.constantFrom('full', 'io'),
      }),
    ],
    [
      1,
      fc.record({
        kind: just('slow-disk'),
        atMs,
        node,
        forMs,
        writeMs: fc.integer({ min: 1, max: 400 }),
      }),
    ],
    [
      4,
      fc.record({
        kind: just('cut'),
        atMs,
        link: fc.tuple(node, node),
        isOneWay: fc.boolean(),
        forMs,
        lungs,
      }),
    ],
    [
      2,
      fc.record({
        kind: just('split'),
        atMs,
        side: fc.uniqueArray(node, { minLength: 1, maxLength: 3 }),
        forMs,
        lungs,
      }),
    ],
    [
      2,
      fc.record({
        kind: just('noise'),
        atMs,
        forMs,
        lossPermille: fc.integer({ min: 50, max: 900 }),
        spreadMs: fc.nat(500),
      }),
    ],
    [1, fc.record({ kind: just('p2p-stop'), atMs, node, forMs })],
    [
      2,
      fc.record({
        kind: just('clock'),
        atMs,
        node,
        toMs: fc.oneof(
          { weight: 3, arbitrary: fc.integer({ min: -CLOCK_NEAR_MS, max: CLOCK_NEAR_MS }) },
          { weight: 1, arbitrary: fc.integer({ min: -CLOCK_FAR_MS, max: CLOCK_FAR_MS }) },
        ),
      }),
    ],
    [
      1,
      fc.record({
        kind: just('policy'),
        atMs,
        node,
        forMs,
        policy: fc.constantFrom<SyncPolicy>('http', 'p2p'),
      }),
    ],
    [
      1,
      fc.record({
        kind: just('release'),
        atMs,
        node,
        forMs,
        release: fc.constantFrom('older', 'newer'),
      }),
    ],
    [
      2,
      fc.record({
        kind: just('lies'),
        atMs,
        node,
        forMs,
        lie: fc.constantFrom(...unsignedLies, ...unsignedLies, ...signedLies),
        oneIn: fc.integer({ min: 1, max: 4 }),
      }),
    ],
    [
      1,
      fc.record({
        kind: just('fork'),
        atMs,
        node,
        forMs,
        back: fc.nat(3),
        count: fc.integer({ min: 1, max: 3 }),
        side: fc.uniqueArray(node, { minLength: 1, maxLength: 3 }),
        // Two branches of one length that nobody shows to the other side are not noticed: a known gap.
        isShown: fc.boolean(),
      }),
    ],
    [1, fc.record({ kind: just('retire'), atMs, node })],
  ]
  return fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })))
}

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

const level = fc.constantFrom<ReceiptLevel>(
  { kind: 'local' },
  { kind: 'replicated', replicas: 2 },
  { kind: 'replicated', replicas: 3 },
  { kind: 'final' },
)
const wait = fc.option(fc.record({ level, forMs: fc.integer({ min: 1, max: 4000 }) }), { freq: 2 })

const submission: fc.Arbitrary<Submission> = fc.record({
  atMs: fc.nat(quiet.lengthMs),
  node,
  intents: fc.array(intent, { minLength: 1, maxLength: 3 }),
  wait,
})

/** A client in a hurry: many requests to one node within a few milliseconds. */
const burst: fc.Arbitrary<Submission[]> = fc
  .record({
    atMs: fc.nat(quiet.lengthMs),
    node,
    all: fc.array(intent, { minLength: 10, maxLength: 40 }),
  })
  .map(({ atMs, node: to, all }) =>
    all.map((one, index) => ({
      atMs: atMs + (index >> 3),
      node: to,
      intents: [one],
      wait: null,
    })),
  )

const seed = fc.integer({ min: 0, max: 0x7fffffff })
/** Small enough that a run of a few seconds folds, keeps snapshots and finds entries that come too late. */
const bounds = fc.oneof(
  fc.constant(null),
  fc.record({
    openMax: fc.integer({ min: 2, max: 32 }),
    snapshotEntries: fc.integer({ min: 1, max: 16 }),
  }),
)
const nodes = fc.oneof(
  { weight: 4, arbitrary: fc.constant<NodeCount>(3) },
  { weight: 2, arbitrary: fc.constant<NodeCount>(5) },
  { weight: 1, arbitrary: fc.constant<NodeCount>(7) },
)

/** Much goes wrong within a few seconds. */
export const storm = (count?: NodeCount): fc.Arbitrary<Plan> =>
  fc.record({
    seed,
    nodes: count === undefined ? nodes : fc.constant(count),
    lengthMs: fc.constant(quiet.lengthMs),
    heartbeatMs: fc.constant(quiet.heartbeatMs),
    httpPollMs: fc.constant(quiet.httpPollMs),
    bounds,
    writeEveryMs: fc.constant(null),
    faults: fc.array(faultAt(fc.nat(quiet.lengthMs - FAULT_MS_MAX)), {
      minLength: 1,
      maxLength: 8,
    }),
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

/** Hours with the intervals of a real node, a write each second, and little that goes wrong. */
export function calm(
  hours: number,
  count: NodeCount,
  faultsPerHourMax = FAULTS_PER_HOUR_MAX,
): fc.Arbitrary<Plan> {
  const lengthMs = Math.ceil(hours * 3_600_000)
  const maxLength = Math.ceil(hours * faultsPerHourMax)
  const atMs = fc.nat(Math.max(0, lengthMs - FAULT_MS_MAX))
  return fc.record({
    seed,
    nodes: fc.constant(count),
    lengthMs: fc.constant(lengthMs),
    heartbeatMs: fc.constant(5000),
    httpPollMs: fc.constant(10_000),
    bounds: fc.constant(null),
    writeEveryMs: fc.constant(1000),
    faults: fc.array(faultAt(atMs), { maxLength }),
    submissions: fc.constant([]),
  })
}
