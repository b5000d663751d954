import { MerkleLog } from '../../merkle/index.ts'
import type { AuthorId } from '../../wire/author.ts'
import { toHex } from '../../wire/bytes.ts'
import type { SignedCheckpoint } from '../../wire/checkpoint.ts'
import type { SignedEntry } from '../../wire/entry.ts'
import {
  authorsOf,
  latticeLeaves,
  latticeRoot,
  sizeAt,
  type Frontier,
} from '../../wire/frontier.ts'
import type { ExtensionAnswer, InclusionAnswer } from '../../wire/ledger-api.ts'
import { checkpointViewOf } from '../../wire/ledger-view.ts'
import type { AuthorTree } from '../replica/logs.ts'

/** Proofs as JSON. Pure: the logs come as Merkle trees. */

type TreeOf = (author: AuthorId) => AuthorTree | null

/**
 * From an entry to the root that `signed` signs. `size`: of the author's tree that the first step ends
 * at; the author must have `seq < size <=` what the checkpoint names.
 */
export function inclusionProofOf(
  { entry, id }: SignedEntry,
  size: number,
  signed: SignedCheckpoint,
  treeOf: TreeOf,
): Omit<InclusionAnswer, 'success'> {
  const { author, seq } = entry
  const { frontier } = signed.checkpoint
  const tree = heldTree(treeOf, author)
  const signedSize = sizeAt(frontier, author)
  const authors = authorsOf(frontier)
  const index = authors.indexOf(author)
  const lattice = new MerkleLog()
  lattice.appendAll(latticeLeaves(frontier, (one, at) => heldTree(treeOf, one).root(at)))
  return {
    author,
    seq,
    id,
    in_log: {
      size,
      root: toHex(tree.root(size)),
      proof: tree.inclusionProof(seq, size).map(toHex),
    },
    in_signed_log: {
      size: signedSize,
      root: toHex(tree.root(signedSize)),
      proof: tree.consistencyProof(size, signedSize).map(toHex),
    },
    in_lattice: {
      index,
      authors: authors.length,
      proof: lattice.inclusionProof(index).map(toHex),
    },
    checkpoint: checkpointViewOf(signed),
  }
}

/** One author's log from one size to a later one, both held. */
export const growthOf = (author: AuthorId, from: number, to: number, tree: AuthorTree) => ({
  author,
  from,
  to,
  from_root: toHex(tree.root(from)),
  to_root: toHex(tree.root(to)),
  proof: tree.consistencyProof(from, to).map(toHex),
})

/** That what `signed` signs extends `earlier`, which it covers. */
export function extensionProofOf(
  earlier: Frontier,
  signed: SignedCheckpoint,
  treeOf: TreeOf,
): Omit<ExtensionAnswer, 'success'> {
  const { frontier } = signed.checkpoint
  return {
    root: toHex(latticeRoot(earlier, (author, size) => heldTree(treeOf, author).root(size))),
    authors: authorsOf(frontier).map((author) =>
      growthOf(author, sizeAt(earlier, author), sizeAt(frontier, author), heldTree(treeOf, author)),
    ),
    checkpoint: checkpointViewOf(signed),
  }
}

function heldTree(treeOf: TreeOf, author: AuthorId): AuthorTree {
  const tree = treeOf(author)
  if (tree === null) throw new Error(`a signed checkpoint names ${author}, which is not held`)
  return tree
}
