import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { MerkleLog, verifyConsistency, verifyInclusion } from '../../src/merkle/index.ts'
import { Ledger } from '../../src/node/replica/ledger.ts'
import { entryLeaf } from '../../src/node/replica/logs.ts'
import { CompactRange } from '../../src/ops/verify/recompute/compact-range.ts'
import { readEntry } from '../../src/ops/verify/recompute/entry.ts'
import type { LogAudit } from '../../src/ops/verify/recompute/log-audit.ts'
import {
  consistencyProof,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  treeHash,
} from '../../src/ops/verify/recompute/tree.ts'
import { decodeEntry, type SignedEntry } from '../../src/wire/entry.ts'
import type { Frontier } from '../../src/wire/frontier.ts'
import { AMOUNT_MAX, BALANCE_MAX } from '../../src/wire/limits.ts'
import { chainOf, type Lattice } from '../simulation/members.ts'
import {
  agree,
  auditOf,
  checkpointOf,
  fake,
  flipped,
  hex,
  intent,
  MEMBERS,
  nodeLogs,
  real,
} from './rig.ts'

/** Steps of the clock are small, so that authors' clocks are often equal. */
const step = fc.tuple(fc.integer({ min: 1, max: 3 }), intent)
const steps = fc.oneof(
  { weight: 14, arbitrary: fc.array(step, { maxLength: 8 }) },
  { weight: 1, arbitrary: fc.array(step, { maxLength: 40, size: 'max' }) },
)
const shares = fc.array(fc.nat({ max: 1000 }), { minLength: 8, maxLength: 8 })

const plan = fc.record({
  /** One log each; the fourth author is the first member, come back with another data directory. */
  logs: fc.array(steps, { minLength: 1, maxLength: 4 }),
  /** Where the node's arrivals are interleaved and batched, and cuts and proofs are made. */
  shares,
})
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never

const chainsOf = (lattice: Lattice, { logs }: Plan): SignedEntry[][] =>
  logs.map((log, index) => {
    let hlc = 0
    const links = log.map(([later, one]) => [(hlc += later), one] as const)
    return chainOf(lattice, index % MEMBERS, links, { incarnation: index < MEMBERS ? 0 : 1 })
  })

/** A whole number from 0 to `max` for a share of a thousand. */
const upTo = (max: number, share = 0): number => Math.round((max * share) / 1000)

const frontierOf = (chains: readonly (readonly SignedEntry[])[]): Frontier =>
  new Map(
    chains.flatMap((chain) =>
      chain[0] === undefined ? [] : [[chain[0].entry.author, chain.length]],
    ),
  )

/** The chains as they might arrive: a turn of the first that has some left, then of another. */
function interleaved(
  chains: readonly (readonly SignedEntry[])[],
  turns: readonly number[],
): SignedEntry[] {
  const queues = chains.map((chain) => [...chain])
  const arrival: SignedEntry[] = []
  for (let turn = 0; queues.some((queue) => queue.length > 0); turn += 1) {
    const queue = queues[(turns[turn % turns.length] ?? 0) % queues.length]
    const next = queue?.shift() ?? queues.find((one) => one.length > 0)?.shift()
    if (next !== undefined) arrival.push(next)
  }
  return arrival
}

const ledgerOf = ({ genesis }: Lattice): Ledger =>
  new Ledger(genesis, () => {
    throw new Error('nothing is final here, so no clock is read')
  })

function checkAgreement(lattice: Lattice, one: Plan): void {
  const chains = chainsOf(lattice, one)
  const entries = interleaved(chains, one.shares)
  const held = frontierOf(chains)
  const cutChains = chains.map((chain, index) =>
    chain.slice(0, upTo(chain.length, one.shares[index])),
  )
  const cut = frontierOf(cutChains)

  const logs = nodeLogs(lattice)
  const ledger = ledgerOf(lattice)
  for (const sent of entries) {
    const received = decodeEntry(sent.bytes, sent.signature)
    agree('placement', logs.place(received, 1), 'next')
    logs.append(received)
  }
  const half = upTo(entries.length, one.shares[4])
  ledger.insert(entries.slice(0, half))
  ledger.insert(entries.slice(half))
  const audit = auditOf(lattice, { held, cut, saved: new Map() })
  const checkpoint = checkpointOf(lattice, {
    frontier: held,
    root: logs.root(),
    stateRoot: ledger.accounts.root(),
  })
  audit.takeCheckpoint(checkpoint)
  audit.take(chains.flat())

  for (const { entry, id, bytes } of entries) {
    const read = readEntry(bytes)
    agree('id', id, read.id)
    agree('entry', entry, read.entry)
  }
  const result = audit.result()
  agree('problems', [], result.problems)
  agree('frontier', logs.frontier(), audit.frontier())
  agree('root', logs.root(), result.rootAtHeld)
  agree('root at the cut', logs.rootAt(cut), result.rootAtCut)
  agree('root of nothing', logs.rootAt(new Map()), result.rootAtSaved)
  agree('root of the checkpoint', logs.root(), result.checkpoint?.recomputedRoot)
  agree('state of the checkpoint', ledger.accounts.root(), result.checkpoint?.recomputedStateRoot)
  checkState(ledger, entries, audit, held)
  const ledgerAtCut = ledgerOf(lattice)
  ledgerAtCut.insert(cutChains.flat())
  checkState(ledgerAtCut, cutChains.flat(), audit, cut)
  for (const chain of chains) checkTree(chain, one.shares)
}

function checkState(
  ledger: Ledger,
  entries: readonly SignedEntry[],
  audit: LogAudit,
  at: Frontier,
): void {
  const state = audit.stateAt(at)
  agree('state root', ledger.accounts.root(), state?.root)
  agree('balances', [...ledger.accounts.sorted()], [...(state?.balances ?? [])])
  agree('rejections', ledger.rejectedCount, state?.rejected.size)
  for (const { author, seq } of entries.map(({ entry }) => entry)) {
    const theirs = ledger.outcomeOf(author, seq)?.rejection
    agree('rejection', theirs, state?.rejected.get(`${author}:${seq}`) ?? null)
  }
}

/** Roots at all sizes; and of one pair of sizes the proofs, made by each and verified by the other. */
function checkTree(
  chain: readonly SignedEntry[],
  [, , , , , a = 0, b = 0, c = 0]: readonly number[],
): void {
  const leaves = chain.map(({ id }) => leafHash(Buffer.from(id, 'hex')))
  const log = new MerkleLog()
  const range = new CompactRange()
  agree('empty root', hex(log.root()), hex(range.root()))
  for (const [index, leaf] of leaves.entries()) {
    log.append(entryLeaf(chain[index]?.id ?? ''))
    range.append(leaf)
    agree('author root', hex(log.root()), hex(range.root()))
  }
  const size = upTo(chain.length, a)
  const oldSize = upTo(size, b)
  const shorter = leaves.slice(0, size)
  const root = log.root(size)
  agree('author root at a size', hex(root), hex(treeHash(shorter)))

  const proof = log.consistencyProof(oldSize, size)
  agree('consistency proof', proof.map(hex), consistencyProof(oldSize, shorter).map(hex))
  const consistency = { oldSize, newSize: size, oldRoot: log.root(oldSize), newRoot: root, proof }
  checkClaim(verifyConsistency, isConsistent, consistency, c)
  if (size === 0) return

  const index = upTo(size - 1, b)
  const path = log.inclusionProof(index, size)
  agree('inclusion proof', path.map(hex), inclusionProof(index, shorter).map(hex))
  const leaf = shorter[index] ?? new Uint8Array()
  checkClaim(verifyInclusion, isIncluded, { leaf, index, size, proof: path, root }, c)
}

/** Both believe a claim that is true, and neither one whose proof was bent, cut or lengthened. */
function checkClaim<T extends { proof: readonly Uint8Array[] }>(
  theirs: (claim: T) => boolean,
  ours: (claim: T) => boolean,
  claim: T,
  where: number,
): void {
  agree('a true claim', [true, true], [theirs(claim), ours(claim)])
  const { proof } = claim
  const at = where % Math.max(1, proof.length)
  const bent = proof.map((hash, index) => (index === at ? flipped(hash, where) : hash))
  const wrong = [proof.slice(1), [...proof, proof[at] ?? new Uint8Array(32)], bent]
  for (const changed of proof.length === 0 ? wrong.slice(1, 2) : wrong) {
    const lie = { ...claim, proof: changed }
    agree('a false claim', [false, false], [theirs(lie), ours(lie)])
  }
}

describe('the node and the recomputation agree on random logs', () => {
  const parts = Array.from({ length: 10 }, (_, part) => part + 1)
  it.each(parts)('950 of them, with signatures that are hashes (%i of 10)', () => {
    fc.assert(
      fc.property(plan, (one) => checkAgreement(fake, one)),
      { numRuns: 950 },
    )
  })

  it('500 of them, with Ed25519', () => {
    fc.assert(
      fc.property(plan, (one) => checkAgreement(real, one)),
      { numRuns: 500 },
    )
  })

  it('and on what fills a ledger to the brim', () => {
    const largest = Math.floor((BALANCE_MAX - 80) / AMOUNT_MAX)
    const rest = BALANCE_MAX - 80 - largest * AMOUNT_MAX
    const amounts = [...Array.from({ length: largest }, () => AMOUNT_MAX), rest + 1, rest, 1]
    const log = amounts.map((amount): Plan['logs'][number][number] => [
      1,
      { kind: 'issue', to: 'Carol', amount },
    ])
    fc.assert(
      fc.property(shares, (some) => checkAgreement(fake, { logs: [log], shares: some })),
      { numRuns: 20 },
    )
  })
})
