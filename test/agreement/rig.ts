/**
 * The directory `agreement` tests two implementations against each other. Two implementations, one ledger: the node's core and `src/ops/verify/recompute`, which share no code,
 * are given the same logs and must come to the same ids, roots, proofs, balances and rejections, and must
 * refuse the same damage.
 */
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { Logs } from '../../src/node/replica/logs.ts'
import { LogAudit, type AuditTerms } from '../../src/ops/verify/recompute/log-audit.ts'
import { ed25519, type Verify } from '../../src/ops/verify/recompute/signature.ts'
import { signCheckpoint, type SignedCheckpoint } from '../../src/wire/checkpoint.ts'
import type { Frontier } from '../../src/wire/frontier.ts'
import type { Intent } from '../../src/wire/intent.ts'
import { NO_SEALS, type Seals } from '../../src/wire/seal.ts'
import type { Tag } from '../../src/wire/signature.ts'
import { note } from '../simulation/arbitraries.ts'
import {
  incarnationOf,
  keyOf,
  makeLattice,
  peerIdsOf,
  type Lattice,
} from '../simulation/members.ts'

export const MEMBERS = 3
const genesis = { Alice: 60, Bob: 20, Ärger: 0 }
export const fake = makeLattice(MEMBERS, { genesis })
export const real = makeLattice(MEMBERS, { genesis, isReal: true })

const verifyReal = ed25519()

/** The fake signatures of the simulation, over messages that are tagged already. */
export const verifyFake: Verify = (publicKey, message, signature) => {
  const end = message.indexOf(0)
  const tag = Buffer.from(message.subarray(0, end)).toString() as Tag
  return fake.verify(publicKey, tag, message.subarray(end + 1), signature)
}

const account = fc.constantFrom('Alice', 'Bob', 'Carol', 'Ärger', 'constructor')
const amount = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 70 }) },
  { weight: 1, arbitrary: fc.constantFrom(1_000_000_000_000_000, 23, 24, 255, 256, 65_536) },
)
export const intent: fc.Arbitrary<Intent> = fc.oneof(
  fc
    .tuple(account, account, amount)
    .filter(([from, to]) => from !== to)
    .map(([from, to, units]) => ({ kind: 'transfer' as const, from, to, amount: units })),
  fc.tuple(account, amount).map(([to, units]) => ({ kind: 'issue' as const, to, amount: units })),
  note.map((text) => ({ kind: 'noop' as const, note: text })),
)
/** Fails when the node and the recomputation differ. Comparing first is what makes thousands fast. */
export function agree(what: string, theirs: unknown, ours: unknown): void {
  if (isDeepStrictEqual(theirs, ours)) return
  expect({ what, is: ours }).toStrictEqual({ what, is: theirs })
  throw new Error(`the node and the recomputation differ in the ${what}`)
}
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const auditOf = (lattice: Lattice, frontiers: AuditTerms['frontiers']): LogAudit =>
  new LogAudit({
    lattice: lattice.id,
    genesis: lattice.genesis,
    memberPeerIds: peerIdsOf(lattice),
    frontiers,
    verified: new Set(),
    verify: lattice === fake ? verifyFake : verifyReal,
  })

export const nodeLogs = (lattice: Lattice): Logs =>
  new Logs(
    lattice.id,
    lattice.keys.map((key) => key.publicKey),
    lattice.verify,
  )

export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes)
  const at = (bit >> 3) % copy.length
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7))
  return copy
}

export function checkpointOf(
  lattice: Lattice,
  fields: { frontier: Frontier; root: string; stateRoot: string },
  seals: Seals = NO_SEALS,
): SignedCheckpoint {
  const { publicKey, sign } = keyOf(lattice, 0)
  const rest = {
    lattice: lattice.id,
    incarnation: incarnationOf(0),
    seals,
    clockFloor: 1,
    wallMs: 2,
  }
  return signCheckpoint({ ...rest, publicKey, ...fields }, sign)
}
