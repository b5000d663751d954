import type { Entry } from '../../../wire/entry.ts'
import type { Intent } from '../../../wire/intent.ts'
import {
  ACCOUNT_CHARS_MAX,
  AMOUNT_MAX,
  ENTRY_BYTES_MAX,
  NOTE_CHARS_MAX,
} from '../../../wire/limits.ts'
import {
  arrayIn,
  arrayOf,
  checkVersion,
  countOf,
  hexIn,
  textOf,
  UnsoundBytesError,
} from './fields.ts'
import { hexOf, sha256, taggedFor } from './hash.ts'

export interface ReadEntry {
  entry: Entry
  /** 64 hex. */
  id: string
  /** What its author signs, and what the id is the SHA-256 of. */
  message: Uint8Array
}

/**
 * The entry of its bytes: `[1, lattice, author, seq, prev, hlc, kind, payload]`. The signature and the
 * entry's place in its log are for the caller. Throws `UnsoundBytesError`.
 */
export function readEntry(bytes: Uint8Array): ReadEntry {
  if (bytes.length > ENTRY_BYTES_MAX) throw new UnsoundBytesError('is too large')
  const [version, lattice, author, seq, prev, hlc, kind, payload] = arrayIn(bytes, 8)
  checkVersion(version)
  const entry = {
    lattice: hexIn(lattice, 32),
    author: hexIn(author, 40),
    seq: countOf(seq),
    prev: hexIn(prev, 32),
    hlc: countOf(hlc),
    intent: intentOf(kind, payload),
  }
  const message = taggedFor('entry', bytes)
  return { entry, id: hexOf(sha256(message)), message }
}

function intentOf(kind: unknown, payload: unknown): Intent {
  if (kind === 0) {
    const [note] = arrayOf(payload, 1)
    return { kind: 'noop', note: noteOf(note) }
  }
  if (kind === 1) {
    const [to, amount] = arrayOf(payload, 2)
    return { kind: 'issue', to: accountOf(to), amount: amountOf(amount) }
  }
  if (kind === 2) {
    const [from, to, amount] = arrayOf(payload, 3)
    if (from === to) throw new UnsoundBytesError('transfers to the account it comes from')
    return { kind: 'transfer', from: accountOf(from), to: accountOf(to), amount: amountOf(amount) }
  }
  throw new UnsoundBytesError('asks for something unknown')
}

function noteOf(value: unknown): string {
  const note = textOf(value, NOTE_CHARS_MAX)
  if (/\p{Cc}/u.test(note)) throw new UnsoundBytesError('has control characters in its note')
  return note
}

/** A letter or `_`, then letters, digits and `_ . @ -`, in Unicode's composed form. */
function accountOf(value: unknown): string {
  const name = textOf(value, ACCOUNT_CHARS_MAX)
  const [first = '', ...rest] = name
  const isName =
    /[_\p{L}]/u.test(first) &&
    rest.every((character) => /[-_.@\p{L}\p{N}]/u.test(character)) &&
    name === name.normalize() &&
    name !== '__proto__'
  if (!isName) throw new UnsoundBytesError('names an account as none can be named')
  return name
}

function amountOf(value: unknown): number {
  const amount = countOf(value)
  if (amount === 0 || amount > AMOUNT_MAX) throw new UnsoundBytesError('moves no possible amount')
  return amount
}
