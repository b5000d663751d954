import type { AuthorId } from '../../../wire/author.ts'
import type { Frontier } from '../../../wire/frontier.ts'
import { CompactRange } from './compact-range.ts'
import { cbor } from './fields.ts'
import { hexOf } from './hash.ts'
import { leafHash } from './tree.ts'

/**
 * The lattice root at a frontier, 64 hex: over the leaves `[author, size, author root]` in author order.
 * Null when `rootOf` does not know the root of a log at its size.
 */
export function latticeRoot(
  frontier: Frontier,
  rootOf: (author: AuthorId, size: number) => Uint8Array | null,
): string | null {
  const tree = new CompactRange()
  for (const author of [...frontier.keys()].toSorted()) {
    const size = frontier.get(author) ?? 0
    const root = rootOf(author, size)
    if (root === null) return null
    tree.append(leafHash(cbor([Buffer.from(author, 'hex'), size, root])))
  }
  return hexOf(tree.root())
}
