import { leafHash, rootOfLeaves } from '../merkle/index.ts'
import { authorBytes, AUTHOR_BYTES, type AuthorId } from './author.ts'
import { toHex } from './bytes.ts'
import { asArray, asBytes, asUint, encodedForNow, WireError, type Cbor } from './cbor.ts'
import { AUTHORS_MAX } from './limits.ts'

/**
 * What a node holds: for each author the number of its entries. An author of size 0 is never named,
 * so that one content has one frontier.
 */
export type Frontier = ReadonlyMap<AuthorId, number>

export const EMPTY_FRONTIER: Frontier = new Map()

export const sizeAt = (frontier: Frontier, author: AuthorId): number => frontier.get(author) ?? 0

/** Entries in all logs together. */
export function totalOf(frontier: Frontier): number {
  let total = 0
  for (const size of frontier.values()) total += size
  return total
}

/** The authors in the one order that roots and encodings use. */
export function authorsOf(frontier: Frontier): AuthorId[] {
  const authors: AuthorId[] = []
  let [last, isInOrder] = ['', true]
  for (const author of frontier.keys()) {
    if (author < last) isInOrder = false
    last = author
    authors.push(author)
  }
  return isInOrder ? authors : authors.toSorted()
}

/** The largest frontier that all of these cover: the pointwise minimum. Of none: empty. */
export function commonCut(frontiers: readonly Frontier[]): Frontier {
  const [first, ...others] = frontiers
  const cut = new Map<AuthorId, number>()
  for (const [author, size] of first ?? []) {
    const least = Math.min(size, ...others.map((other) => sizeAt(other, author)))
    if (least > 0) cut.set(author, least)
  }
  return cut
}

/** Whether `frontier` holds everything that `other` holds. */
export function covers(frontier: Frontier, other: Frontier): boolean {
  if (frontier === other) return true
  for (const author of other.keys())
    if (sizeAt(frontier, author) < sizeAt(other, author)) return false
  return true
}

export const equalFrontiers = (a: Frontier, b: Frontier): boolean => covers(a, b) && covers(b, a)

/** Entries of `ahead` that `behind` lacks, as ranges `[from, to)` in author order. */
export function missingRanges(
  behind: Frontier,
  ahead: Frontier,
): { author: AuthorId; from: number; to: number }[] {
  return authorsOf(ahead)
    .map((author) => ({ author, from: sizeAt(behind, author), to: sizeAt(ahead, author) }))
    .filter((range) => range.to > range.from)
}

/** An author's leaf in the lattice's tree: `(author, size, author root)`, the root at that size. */
export const latticeLeaf = (author: AuthorId, size: number, root: Uint8Array): Uint8Array =>
  leafHash(encodedForNow([authorBytes(author), size, root]))

/**
 * The leaf hashes of the lattice's tree at a frontier, in author order. `rootOf` gives the 32-byte root
 * of an author's log at a size it has reached.
 */
export const latticeLeaves = (
  frontier: Frontier,
  rootOf: (author: AuthorId, size: number) => Uint8Array,
): Uint8Array[] =>
  authorsOf(frontier).map((author) => {
    const size = sizeAt(frontier, author)
    return latticeLeaf(author, size, rootOf(author, size))
  })

/** The lattice root at a frontier: the RFC 6962 root over `latticeLeaves`. */
export const latticeRoot = (
  frontier: Frontier,
  rootOf: (author: AuthorId, size: number) => Uint8Array,
): Uint8Array => rootOfLeaves(latticeLeaves(frontier, rootOf))

export const encodeFrontier = (frontier: Frontier): Cbor =>
  authorsOf(frontier).map((author) => [authorBytes(author), sizeAt(frontier, author)])

/** Throws `WireError` unless authors ascend and every size is at least 1. */
export function decodeFrontier(value: Cbor | undefined): Frontier {
  const pairs = asArray(value, 'frontier')
  if (pairs.length > AUTHORS_MAX)
    throw new WireError('too-large', `frontier of ${pairs.length} authors`)
  const frontier = new Map<AuthorId, number>()
  let last = ''
  for (const pair of pairs) {
    const [authorValue, sizeValue] = asArray(pair, 'frontier', 2)
    const author = toHex(asBytes(authorValue, 'frontier author', AUTHOR_BYTES))
    const size = asUint(sizeValue, 'frontier size')
    if (author <= last || size === 0)
      throw new WireError('not-canonical', 'frontier out of order or with a size of 0')
    frontier.set(author, size)
    last = author
  }
  return frontier
}

/** For JSON: `{author: size}`. */
export const frontierObject = (frontier: Frontier): Record<AuthorId, number> =>
  Object.fromEntries(authorsOf(frontier).map((author) => [author, sizeAt(frontier, author)]))
