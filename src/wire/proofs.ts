import { leafHash, verifyConsistency, verifyInclusion } from '../merkle/index.ts'
import type { AuthorId } from './author.ts'
import { fromHex, toHex } from './bytes.ts'
import { WireError } from './cbor.ts'
import { decodeCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import { authorsOf, latticeLeaves, latticeRoot, sizeAt, type Frontier } from './frontier.ts'
import type { ExtensionAnswer, InclusionAnswer } from './ledger-api.ts'
import type { Verify } from './signature.ts'

/** What a proof came to: the signed checkpoint it leads to, or what is wrong with it. */
export type Proven = { ok: true; checkpoint: SignedCheckpoint } | { ok: false; problem: string }

const bytesOf = (hex: string): Uint8Array => fromHex(hex, 32) ?? new Uint8Array()
const wrong = (problem: string): Proven => ({ ok: false, problem })

/**
 * Whether an entry with the id of `answer` stands at its place below the root of the signed checkpoint.
 * Who signed it, and for which lattice, is the caller's to compare.
 */
export function provenInclusion(answer: InclusionAnswer, verify: Verify): Proven {
  const signed = checkpointOf(answer, verify)
  if (typeof signed === 'string') return wrong(signed)
  const { author, seq, id, in_log, in_signed_log, in_lattice } = answer
  const { frontier, root } = signed.checkpoint
  const authors = authorsOf(frontier)
  const [leaf = new Uint8Array()] = frontier.has(author)
    ? latticeLeaves(new Map([[author, in_signed_log.size]]), () => bytesOf(in_signed_log.root))
    : []
  if (in_signed_log.size !== sizeAt(frontier, author)) {
    return wrong('the author’s log has another size in the signed checkpoint')
  }
  const isInLog = verifyInclusion({
    leaf: leafHash(bytesOf(id)),
    index: seq,
    size: in_log.size,
    root: bytesOf(in_log.root),
    proof: in_log.proof.map(bytesOf),
  })
  if (!isInLog) return wrong('the entry is not in its author’s log')
  const isBeginning = verifyConsistency({
    oldSize: in_log.size,
    newSize: in_signed_log.size,
    oldRoot: bytesOf(in_log.root),
    newRoot: bytesOf(in_signed_log.root),
    proof: in_signed_log.proof.map(bytesOf),
  })
  if (!isBeginning) return wrong('the signed log does not extend the one that holds the entry')
  const isInLattice =
    in_lattice.authors === authors.length &&
    in_lattice.index === authors.indexOf(author) &&
    verifyInclusion({
      leaf,
      index: in_lattice.index,
      size: in_lattice.authors,
      root: bytesOf(root),
      proof: in_lattice.proof.map(bytesOf),
    })
  return isInLattice
    ? { ok: true, checkpoint: signed }
    : wrong('the log is not below the signed root')
}

/**
 * Whether the signed checkpoint of `answer` extends everything of `earlier`, whose root the caller knows
 * from elsewhere: a statement that was signed before.
 */
export function provenExtension(
  earlier: { frontier: Frontier; root: string },
  answer: ExtensionAnswer,
  verify: Verify,
): Proven {
  const signed = checkpointOf(answer, verify)
  if (typeof signed === 'string') return wrong(signed)
  const { frontier, root } = signed.checkpoint
  const growths = new Map(answer.authors.map((growth) => [growth.author, growth]))
  const isWhole =
    answer.authors.length === frontier.size &&
    [...frontier].every(([author, size]) => growths.get(author)?.to === size) &&
    [...earlier.frontier].every(([author, size]) => growths.get(author)?.from === size) &&
    answer.authors.every(({ author, from }) => from === sizeAt(earlier.frontier, author))
  if (!isWhole) return wrong('it is not about the two frontiers')
  for (const { from, to, from_root, to_root, proof } of answer.authors) {
    const isExtended = verifyConsistency({
      oldSize: from,
      newSize: to,
      oldRoot: bytesOf(from_root),
      newRoot: bytesOf(to_root),
      proof: proof.map(bytesOf),
    })
    if (!isExtended) return wrong('a log does not extend what it was')
  }
  const rootBy = (which: 'from_root' | 'to_root', at: Frontier): string =>
    toHex(latticeRoot(at, (author: AuthorId) => bytesOf(growths.get(author)?.[which] ?? '')))
  if (rootBy('from_root', earlier.frontier) !== earlier.root) {
    return wrong('the logs do not come to the earlier root')
  }
  if (rootBy('to_root', frontier) !== root) return wrong('the logs do not come to the signed root')
  return { ok: true, checkpoint: signed }
}

function checkpointOf(
  { checkpoint: { bytes, signature } }: Pick<InclusionAnswer, 'checkpoint'>,
  verify: Verify,
): SignedCheckpoint | string {
  try {
    return decodeCheckpoint(Buffer.from(bytes, 'base64'), Buffer.from(signature, 'base64'), verify)
  } catch (error) {
    if (error instanceof WireError) return error.message
    throw error
  }
}
