import { authorBytes, authorIdOf, AUTHOR_BYTES, parseAuthorId, type AuthorId } from './author.ts'
import { toHex } from './bytes.ts'
import {
  asArray,
  asBytes,
  asUint,
  decodeCanonical,
  encodeCanonical,
  WireError,
  type Cbor,
} from './cbor.ts'
import { decodeEntry, HASH_BYTES, isSigned, type SignedEntry } from './entry.ts'
import type { Frontier } from './frontier.ts'
import { AUTHORS_MAX } from './limits.ts'
import { WIRE_VERSION } from './protocol.ts'
import { tags, type Sign, type Verify } from './signature.ts'

/**
 * Why an author's log ends for good. `equivocation`: the author signed two entries with one sequence
 * number, and here they are. `retirement`: the author's own key says that the directory is gone.
 */
export type SealProof =
  | { kind: 'equivocation'; entries: readonly [SignedEntry, SignedEntry] }
  | { kind: 'retirement'; bytes: Uint8Array; signature: Uint8Array }

/**
 * The end of an author's log, proven: no entry of it from `size` on counts anywhere. Of several seals of
 * one author the smallest holds, so nodes that know the same seals hold the same entries.
 */
export interface Seal {
  /** Lattice id, 64 hex. */
  lattice: string
  author: AuthorId
  size: number
  proof: SealProof
}

/** Author → where its log ends. Unlike in a frontier, a size may be 0. */
export type Seals = ReadonlyMap<AuthorId, number>

export const NO_SEALS: Seals = new Map()

/** What is left of a frontier when these seals are heeded. */
export function clip(frontier: Frontier, seals: Seals): Frontier {
  if (seals.size === 0) return frontier
  const clipped = new Map<AuthorId, number>()
  for (const [author, size] of frontier) {
    const least = Math.min(size, seals.get(author) ?? size)
    if (least > 0) clipped.set(author, least)
  }
  return clipped
}

/** Whether `seals` knows every end that `others` knows, or an earlier one. */
export function coversSeals(seals: Seals, others: Seals): boolean {
  for (const [author, size] of others)
    if ((seals.get(author) ?? Number.POSITIVE_INFINITY) > size) return false
  return true
}

export const encodeSeals = (seals: Seals): Cbor =>
  [...seals.keys()].toSorted().map((author) => [authorBytes(author), seals.get(author) ?? 0])

/** Throws `WireError` unless authors ascend. */
export function decodeSeals(value: Cbor | undefined): Seals {
  const pairs = asArray(value, 'seals')
  if (pairs.length > AUTHORS_MAX) throw new WireError('too-large', `${pairs.length} seals`)
  const seals = new Map<AuthorId, number>()
  let last = ''
  for (const pair of pairs) {
    const [authorValue, sizeValue] = asArray(pair, 'seal', 2)
    const author = toHex(asBytes(authorValue, 'sealed author', AUTHOR_BYTES))
    if (author <= last) throw new WireError('not-canonical', 'seals out of order')
    seals.set(author, asUint(sizeValue, 'sealed size'))
    last = author
  }
  return seals
}

/** The seal that two entries prove; null when they prove nothing. Signatures are not looked at. */
export function equivocationOf(one: SignedEntry, other: SignedEntry): Seal | null {
  const { lattice, author, seq } = one.entry
  const isSamePlace =
    other.entry.lattice === lattice && other.entry.author === author && other.entry.seq === seq
  if (!isSamePlace || one.id === other.id) return null
  const entries = one.id < other.id ? ([one, other] as const) : ([other, one] as const)
  return { lattice, author, size: seq, proof: { kind: 'equivocation', entries } }
}

/** The node's word, under the key of the author itself, that one of its directories is gone for good. */
export function signRetirement(
  { lattice, author, size }: { lattice: string; author: AuthorId; size: number },
  sign: Sign,
): Seal {
  const bytes = encodeCanonical([
    WIRE_VERSION,
    Buffer.from(lattice, 'hex'),
    authorBytes(author),
    size,
  ])
  const proof = { kind: 'retirement' as const, bytes, signature: sign(tags.retirement, bytes) }
  return { lattice, author, size, proof }
}

const PROOF_EQUIVOCATION = 0
const PROOF_RETIREMENT = 1

export const encodeSeal = ({ proof }: Seal): Cbor =>
  proof.kind === 'equivocation'
    ? [PROOF_EQUIVOCATION, ...proof.entries.map(({ bytes, signature }) => [bytes, signature])]
    : [PROOF_RETIREMENT, proof.bytes, proof.signature]

/** Throws `WireError` for bytes that prove nothing, and for signatures that are not the author's. */
export function decodeSeal(value: Cbor | undefined, verify: Verify): Seal {
  const fields = asArray(value, 'seal', 3)
  switch (fields[0]) {
    case PROOF_EQUIVOCATION:
      return equivocationIn(fields, verify)
    case PROOF_RETIREMENT:
      return retirementIn(fields, verify)
    default:
      throw new WireError('malformed', `unknown seal ${String(fields[0])}`)
  }
}

function equivocationIn(fields: readonly Cbor[], verify: Verify): Seal {
  const [one, other] = fields.slice(1).map((pair) => {
    const [bytes, signature] = asArray(pair, 'sealed entry', 2)
    return decodeEntry(asBytes(bytes, 'entry'), asBytes(signature, 'entry signature'))
  })
  if (one === undefined || other === undefined || one.id >= other.id)
    throw new WireError('not-canonical', 'entries of a seal out of order')
  const seal = equivocationOf(one, other)
  if (seal === null) throw new WireError('malformed', 'two entries that prove nothing')
  if (!isSigned(one, verify) || !isSigned(other, verify))
    throw new WireError('bad-signature', 'a sealed entry not signed by its author')
  return seal
}

function retirementIn([, first, second]: readonly Cbor[], verify: Verify): Seal {
  const bytes = asBytes(first, 'retirement')
  const signature = asBytes(second, 'retirement signature')
  const [version, latticeValue, authorValue, sizeValue] = asArray(
    decodeCanonical(bytes),
    'retirement',
    4,
  )
  if (version !== WIRE_VERSION)
    throw new WireError('wrong-version', `retirement version ${String(version)}`)
  const author = toHex(asBytes(authorValue, 'author', AUTHOR_BYTES))
  const parsed = parseAuthorId(author)
  if (parsed === null || !verify(parsed.publicKey, tags.retirement, bytes, signature))
    throw new WireError('bad-signature', 'a retirement not signed by its author')
  return {
    lattice: toHex(asBytes(latticeValue, 'lattice', HASH_BYTES)),
    author: authorIdOf(parsed.publicKey, Buffer.from(parsed.incarnation, 'hex')),
    size: asUint(sizeValue, 'sealed size'),
    proof: { kind: 'retirement', bytes, signature },
  }
}
