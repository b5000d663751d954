import type { SealProof } from '../../../wire/seal.ts'
import { readEntry } from './entry.ts'
import { arrayIn, checkVersion, countOf, hexIn, UnsoundBytesError } from './fields.ts'
import { taggedFor } from './hash.ts'
import type { Verify } from './signature.ts'

/** The proven end of a log: no entry of it from `size` on counts. */
export interface ProvenEnd {
  lattice: string
  author: string
  size: number
}

/**
 * What a proof proves: two entries that an author signed for one place end its log there, and so does its
 * own word `[1, lattice, author, size]` that it is retired. Throws `UnsoundBytesError`.
 */
export function readSeal(proof: SealProof, verify: Verify): ProvenEnd {
  return proof.kind === 'equivocation'
    ? readEquivocation(proof.entries, verify)
    : readRetirement(proof, verify)
}

type Signed = { bytes: Uint8Array; signature: Uint8Array }

const keyOf = (author: string): Uint8Array => Buffer.from(author, 'hex').subarray(0, 32)

function readEquivocation([one, other]: readonly [Signed, Signed], verify: Verify): ProvenEnd {
  const [first, second] = [readEntry(one.bytes), readEntry(other.bytes)]
  const { lattice, author, seq } = first.entry
  const isOnePlace =
    second.entry.lattice === lattice &&
    second.entry.author === author &&
    second.entry.seq === seq &&
    first.id !== second.id
  if (!isOnePlace) throw new UnsoundBytesError('proves nothing')
  const isSigned =
    verify(keyOf(author), first.message, one.signature) &&
    verify(keyOf(author), second.message, other.signature)
  if (!isSigned) throw new UnsoundBytesError('holds an entry that its author did not sign')
  return { lattice, author, size: seq }
}

function readRetirement({ bytes, signature }: Signed, verify: Verify): ProvenEnd {
  const [version, lattice, author, size] = arrayIn(bytes, 4)
  checkVersion(version)
  const end = { lattice: hexIn(lattice, 32), author: hexIn(author, 40), size: countOf(size) }
  if (!verify(keyOf(end.author), taggedFor('retirement', bytes), signature)) {
    throw new UnsoundBytesError('is not signed by the author that it retires')
  }
  return end
}
