import { authorBytes, authorKey, AUTHOR_BYTES, type AuthorId } from './author.ts'
import { fromHex, toHex } from './bytes.ts'
import {
  asArray,
  asBytes,
  asText,
  asUint,
  decodeCanonical,
  encodeCanonical,
  WireError,
  type Cbor,
} from './cbor.ts'
import { isAccountName, isAmount, isNote, type Intent } from './intent.ts'
import { ACCOUNT_CHARS_MAX, ENTRY_BYTES_MAX, NOTE_CHARS_MAX } from './limits.ts'
import { WIRE_VERSION } from './protocol.ts'
import { remembered } from './remembered.ts'
import { SIGNATURE_BYTES, taggedHash, tags, type Sign, type Verify } from './signature.ts'

export const HASH_BYTES = 32

/** `prev` of an author's first entry. */
export const NO_PREVIOUS = '0'.repeat(HASH_BYTES * 2)

/** One record of one author's log. */
export interface Entry {
  /** The lattice it belongs to, 64 hex: no entry can be replayed into another. */
  lattice: string
  author: AuthorId
  /** Position in the author's log, from 0. */
  seq: number
  /** Id of the author's entry before it, 64 hex; zeros for the first. */
  prev: string
  /** Hybrid logical clock in microseconds: grows within an author, close to wall time. */
  hlc: number
  intent: Intent
}

/** An entry with the bytes that were signed, their signature and their id (64 hex). */
export interface SignedEntry {
  entry: Entry
  id: string
  bytes: Uint8Array
  signature: Uint8Array
}

const kinds = ['noop', 'issue', 'transfer'] as const

function payloadOf(intent: Intent): Cbor {
  switch (intent.kind) {
    case 'noop':
      return [intent.note]
    case 'issue':
      return [intent.to, intent.amount]
    case 'transfer':
      return [intent.from, intent.to, intent.amount]
  }
}

function hashBytes(hex: string, field: string): Uint8Array {
  const bytes = fromHex(hex, HASH_BYTES)
  if (bytes === null) throw new TypeError(`${field} is not ${HASH_BYTES} bytes of hex: ${hex}`)
  return bytes
}

const latticeBytes = remembered((hex) => hashBytes(hex, 'lattice'))

export const encodeEntry = (entry: Entry): Uint8Array =>
  encodeCanonical([
    WIRE_VERSION,
    latticeBytes(entry.lattice),
    authorBytes(entry.author),
    entry.seq,
    hashBytes(entry.prev, 'prev'),
    entry.hlc,
    kinds.indexOf(entry.intent.kind),
    payloadOf(entry.intent),
  ])

export const entryId = (bytes: Uint8Array): string => taggedHash(tags.entry, bytes)

export function signEntry(entry: Entry, sign: Sign): SignedEntry {
  const bytes = encodeEntry(entry)
  return { entry, id: entryId(bytes), bytes, signature: sign(tags.entry, bytes) }
}

/** The entry of its canonical bytes. Throws `WireError`. The signature is not looked at. */
export function decodeEntry(bytes: Uint8Array, signature: Uint8Array): SignedEntry {
  if (bytes.length > ENTRY_BYTES_MAX)
    throw new WireError('too-large', `entry of ${bytes.length} bytes`)
  if (signature.length !== SIGNATURE_BYTES)
    throw new WireError('bad-signature', `signature of ${signature.length} bytes`)
  const fields = asArray(decodeCanonical(bytes), 'entry', 8)
  if (fields[0] !== WIRE_VERSION)
    throw new WireError('wrong-version', `entry version ${String(fields[0])}`)
  const entry: Entry = {
    lattice: toHex(asBytes(fields[1], 'lattice', HASH_BYTES)),
    author: toHex(asBytes(fields[2], 'author', AUTHOR_BYTES)),
    seq: asUint(fields[3], 'seq'),
    prev: toHex(asBytes(fields[4], 'prev', HASH_BYTES)),
    hlc: asUint(fields[5], 'hlc'),
    intent: intentOf(asUint(fields[6], 'kind', kinds.length - 1), fields[7]),
  }
  return { entry, id: entryId(bytes), bytes, signature }
}

function intentOf(kind: number, payload: Cbor | undefined): Intent {
  switch (kinds[kind]) {
    case 'issue': {
      const [to, amount] = asArray(payload, 'issue', 2)
      return { kind: 'issue', to: accountOf(to, 'to'), amount: amountOf(amount) }
    }
    case 'transfer': {
      const [from, to, amount] = asArray(payload, 'transfer', 3)
      const intent = {
        kind: 'transfer' as const,
        from: accountOf(from, 'from'),
        to: accountOf(to, 'to'),
        amount: amountOf(amount),
      }
      if (intent.from === intent.to) throw new WireError('malformed', 'transfer to itself')
      return intent
    }
    default: {
      const [note] = asArray(payload, 'noop', 1)
      const text = asText(note, 'note', NOTE_CHARS_MAX)
      if (!isNote(text)) throw new WireError('malformed', 'note: control characters')
      return { kind: 'noop', note: text }
    }
  }
}

function accountOf(value: Cbor | undefined, field: string): string {
  const name = asText(value, field, ACCOUNT_CHARS_MAX)
  if (!isAccountName(name)) throw new WireError('malformed', `${field}: not an account name`)
  return name
}

function amountOf(value: Cbor | undefined): number {
  const amount = asUint(value, 'amount')
  if (!isAmount(amount)) throw new WireError('malformed', 'amount out of range')
  return amount
}

/** Whether the author signed these bytes. */
export function isSigned(signed: SignedEntry, verify: Verify): boolean {
  const publicKey = authorKey(signed.entry.author)
  return publicKey !== null && verify(publicKey, tags.entry, signed.bytes, signed.signature)
}

/** Where an entry stands in the order in which entries are applied. */
export type Position = Pick<Entry, 'hlc' | 'author' | 'seq'>

/** The order in which entries are applied, total and the same on every node: (hlc, author, seq). */
export function compareEntries(a: Position, b: Position): number {
  if (a.hlc !== b.hlc) return a.hlc - b.hlc
  if (a.author !== b.author) return a.author < b.author ? -1 : 1
  return a.seq - b.seq
}
