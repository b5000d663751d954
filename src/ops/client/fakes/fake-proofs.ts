import { leafHash, MerkleLog } from '../../../merkle/index.ts'
import type { AuthorId } from '../../../wire/author.ts'
import { toHex } from '../../../wire/bytes.ts'
import { authorsOf, latticeLeaves, sizeAt, type Frontier } from '../../../wire/frontier.ts'
import type { ExtensionAnswer, InclusionAnswer } from '../../../wire/ledger-api.ts'
import { checkpointViewOf } from '../../../wire/ledger-view.ts'
import type { FakeReplica } from './fake-replica.ts'

/** The proofs that a replica's node gives, as JSON. */

const treeOf = ({ log }: FakeReplica, author: AuthorId): MerkleLog => {
  const tree = new MerkleLog()
  for (const { id } of log.get(author) ?? []) tree.append(leafHash(Buffer.from(id, 'hex')))
  return tree
}

export function fakeInclusion(
  replica: FakeReplica,
  { author, seq }: { author: AuthorId; seq: number },
  size: number,
): InclusionAnswer {
  const signed = replica.checkpoint()
  const { frontier } = signed.checkpoint
  const tree = treeOf(replica, author)
  const index = authorsOf(frontier).indexOf(author)
  const lattice = new MerkleLog()
  lattice.appendAll(latticeLeaves(frontier, (one, at) => treeOf(replica, one).root(at)))
  return {
    success: true,
    author,
    seq,
    id: replica.log.get(author)?.[seq]?.id ?? '',
    in_log: {
      size,
      root: toHex(tree.root(size)),
      proof: tree.inclusionProof(seq, size).map(toHex),
    },
    in_signed_log: {
      size: tree.size,
      root: toHex(tree.root()),
      proof: tree.consistencyProof(size).map(toHex),
    },
    in_lattice: {
      index,
      authors: frontier.size,
      proof: lattice.inclusionProof(index).map(toHex),
    },
    checkpoint: checkpointViewOf(signed),
  }
}

export function fakeExtension(replica: FakeReplica, earlier: Frontier): ExtensionAnswer {
  const signed = replica.checkpoint()
  const { frontier } = signed.checkpoint
  return {
    success: true,
    root: replica.rootAt(earlier) ?? '',
    authors: authorsOf(frontier).map((author) => {
      const tree = treeOf(replica, author)
      const [from, to] = [sizeAt(earlier, author), sizeAt(frontier, author)]
      const [from_root, to_root] = [from, to].map((size) => toHex(tree.root(size))) as [
        string,
        string,
      ]
      const proof = tree.consistencyProof(from, to).map(toHex)
      return { author, from, to, from_root, to_root, proof }
    }),
    checkpoint: checkpointViewOf(signed),
  }
}
