import type { AuthorId } from '../../wire/author.ts'
import { decodeEntry, isSigned, type SignedEntry } from '../../wire/entry.ts'
import { verifySignature } from '../../wire/signature.ts'
import { corrupt } from './errors.ts'

export interface EntryRow {
  seq: number
  bytes: Uint8Array
  signature: Uint8Array
}

/** The entry of a row, if it is the one that belongs there. Throws `StoreError` `corrupt`. */
export function auditedEntry(
  row: EntryRow,
  place: { author: AuthorId; seq: number; prev: string },
  isSignatureChecked: boolean,
): SignedEntry {
  const { author, seq, prev } = place
  const refuse = (problem: string): never => {
    throw corrupt(`entry ${seq} of author ${author}: ${problem}`)
  }
  if (row.seq !== seq) return refuse('it is missing')
  let signed: SignedEntry
  try {
    signed = decodeEntry(row.bytes, row.signature)
  } catch (error) {
    return refuse((error as Error).message)
  }
  if (signed.entry.author !== author || signed.entry.seq !== seq)
    return refuse('it belongs elsewhere')
  if (signed.entry.prev !== prev) return refuse('the entry before it was changed')
  if (isSignatureChecked && !isSigned(signed, verifySignature))
    return refuse('its signature does not fit')
  return signed
}
