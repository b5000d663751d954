import { authorBytes, AUTHOR_BYTES, type AuthorId } from '../../wire/author.ts'
import { toHex } from '../../wire/bytes.ts'
import {
  asArray,
  asBytes,
  asText,
  asUint,
  decodeCanonical,
  encodeCanonical,
  WireError,
  type Cbor,
} from '../../wire/cbor.ts'
import { HASH_BYTES, type Position } from '../../wire/entry.ts'
import {
  decodeFrontier,
  EMPTY_FRONTIER,
  encodeFrontier,
  missingRanges,
  sizeAt,
  totalOf,
  type Frontier,
} from '../../wire/frontier.ts'
import { clip } from '../../wire/seal.ts'
import { ACCOUNT_CHARS_MAX } from '../../wire/limits.ts'
import { tags, type Sign, type Verify } from '../../wire/signature.ts'
import type { Rejection } from './accounts.ts'
import type { Folded, Ledger, Rejections } from './ledger.ts'
import type { Logs } from './logs.ts'

/** The format of what this node keeps for itself; another one is not read, and everything is replayed. */
const SNAPSHOT_VERSION = 1

const reasons: readonly Rejection[] = ['unknown-account', 'overdraft', 'limit']

/**
 * A folded state as a node keeps it for its next start: with the lattice root over the logs it was made
 * from, so that neither can be changed without the other, and signed with the node's own key.
 */
export interface Snapshot {
  /** Lattice id, 64 hex. */
  lattice: string
  /** Lattice root at `folded.sizes`, 64 hex. */
  root: string
  folded: Folded & { last: Position }
}

export interface SignedSnapshot {
  snapshot: Snapshot
  bytes: Uint8Array
  signature: Uint8Array
}

/** A snapshot to be stored, and the leaves up to it that were not stored before, one behind the other. */
export interface KeptSnapshot extends SignedSnapshot {
  leaves: readonly { author: AuthorId; from: number; hashes: Uint8Array }[]
}

export function signSnapshot(snapshot: Snapshot, sign: Sign): SignedSnapshot {
  const { sizes, last, balances, rejections } = snapshot.folded
  const bytes = encodeCanonical([
    SNAPSHOT_VERSION,
    Buffer.from(snapshot.lattice, 'hex'),
    Buffer.from(snapshot.root, 'hex'),
    encodeFrontier(sizes),
    [last.hlc, authorBytes(last.author), last.seq],
    [...balances].map(([account, balance]) => [account, balance]),
    [...rejections].map(([author, bySeq]) => [
      authorBytes(author),
      [...bySeq].map(([seq, reason]) => [seq, reasons.indexOf(reason)]),
    ]),
  ])
  return { snapshot, bytes, signature: sign(tags.snapshot, bytes) }
}

/** Throws `WireError` for anything that this node's key did not sign. */
export function decodeSnapshot(
  bytes: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
  verify: Verify,
): Snapshot {
  if (!verify(publicKey, tags.snapshot, bytes, signature))
    throw new WireError('bad-signature', 'a snapshot not signed by this node')
  const fields = asArray(decodeCanonical(bytes), 'snapshot', 7)
  if (fields[0] !== SNAPSHOT_VERSION)
    throw new WireError('wrong-version', `snapshot version ${String(fields[0])}`)
  return {
    lattice: toHex(asBytes(fields[1], 'lattice', HASH_BYTES)),
    root: toHex(asBytes(fields[2], 'root', HASH_BYTES)),
    folded: {
      sizes: decodeFrontier(fields[3]),
      last: positionOf(fields[4]),
      balances: new Map(asArray(fields[5], 'balances').map(balanceOf)),
      rejections: rejectionsOf(fields[6]),
    },
  }
}

function positionOf(value: Cbor | undefined): Position {
  const [hlc, author, seq] = asArray(value, 'position', 3)
  return { hlc: asUint(hlc, 'clock'), author: authorOf(author), seq: asUint(seq, 'seq') }
}

function balanceOf(value: Cbor): [string, number] {
  const [account, balance] = asArray(value, 'balance', 2)
  return [asText(account, 'account', ACCOUNT_CHARS_MAX), asUint(balance, 'balance')]
}

function rejectionsOf(value: Cbor | undefined): Rejections {
  return new Map(
    asArray(value, 'rejections').map((one) => {
      const [author, bySeq] = asArray(one, 'rejections', 2)
      return [authorOf(author), new Map(asArray(bySeq, 'rejections').map(rejectionOf))]
    }),
  )
}

function rejectionOf(value: Cbor): [number, Rejection] {
  const [seq, code] = asArray(value, 'rejection', 2)
  const reason = reasons[asUint(code, 'reason', reasons.length - 1)]
  if (reason === undefined) throw new WireError('malformed', 'unknown reason')
  return [asUint(seq, 'seq'), reason]
}

const authorOf = (value: Cbor | undefined): AuthorId =>
  toHex(asBytes(value, 'author', AUTHOR_BYTES))

export interface SnapshotKeeperOptions {
  lattice: string
  /** Folded entries from one snapshot to the next, at least. */
  everyEntries: number
  sign: Sign
}

/** Decides when the folded state is worth being kept, and knows which leaves were kept before. */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions
  #keptCount: number
  /** How much of each log is stored as leaves. */
  #keptSizes: Frontier

  constructor(last: Snapshot | null, options: SnapshotKeeperOptions) {
    this.#options = options
    this.#keptSizes = last?.folded.sizes ?? EMPTY_FRONTIER
    this.#keptCount = totalOf(this.#keptSizes)
  }

  /** The newest snapshots do not hold any more; the next one is due soon. */
  forget(): void {
    this.#keptCount = 0
  }

  /** What is to be kept now; null: nothing. */
  due(ledger: Ledger, logs: Logs): KeptSnapshot | null {
    const since = ledger.foldedCount - this.#keptCount
    if (since < this.#options.everyEntries || since < ledger.accounts.size / 2) return null
    const { last, ...folded } = ledger.folded()
    const root = logs.rootAt(folded.sizes)
    if (last === null || root === null) return null
    const { lattice, sign } = this.#options
    const signed = signSnapshot({ lattice, root, folded: { last, ...folded } }, sign)
    const stored = clip(this.#keptSizes, logs.seals)
    const leaves = missingRanges(stored, folded.sizes).map(({ author, from, to }) => ({
      author,
      from,
      hashes: logs.leaves(author, from, to),
    }))
    const sizes = new Map(stored)
    for (const [author, size] of folded.sizes)
      sizes.set(author, Math.max(size, sizeAt(stored, author)))
    this.#keptSizes = sizes
    this.#keptCount = ledger.foldedCount
    return { ...signed, leaves }
  }
}
