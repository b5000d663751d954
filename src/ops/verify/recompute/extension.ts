import type { Frontier } from '../../../wire/frontier.ts'
import type { ExtensionAnswer } from '../../../wire/ledger-api.ts'
import { readCheckpoint } from './checkpoint.ts'
import { UnsoundBytesError } from './fields.ts'
import { hexOf } from './hash.ts'
import { latticeRoot } from './lattice-root.ts'
import { keyInPeerId } from './peer-id.ts'
import type { Verify } from './signature.ts'
import { isConsistent } from './tree.ts'

/** A signed checkpoint and whether it is proven to extend what was signed before. */
export interface AuditedExtension {
  /** What is wrong with the proof; null: it holds. */
  problem: string | null
  frontier: Frontier
  root: string
}

interface ExtensionTerms {
  /** Signed before; the root is known from then. */
  earlier: { frontier: Frontier; root: string }
  lattice: string
  /** Whose checkpoint it must be. */
  peerId: string
  verify: Verify
}

/**
 * Whether the checkpoint of an answer extends what was signed before: each log its own beginning, by a
 * consistency proof, and the roots of all logs together both signed roots. Throws nothing but bugs.
 */
export function auditExtension(answer: ExtensionAnswer, terms: ExtensionTerms): AuditedExtension {
  const { earlier, verify } = terms
  const bytes = Buffer.from(answer.checkpoint.bytes, 'base64')
  const signature = Buffer.from(answer.checkpoint.signature, 'base64')
  try {
    const { frontier, root, lattice, publicKey } = readCheckpoint(bytes, signature, verify)
    const isTheirs = lattice === terms.lattice && hexOf(publicKey) === keyInPeerId(terms.peerId)
    const problem = isTheirs
      ? problemOf(answer.authors, earlier, { frontier, root })
      : 'its checkpoint is another node’s'
    return { problem, frontier, root }
  } catch (error) {
    if (!(error instanceof UnsoundBytesError)) throw error
    return { problem: `its checkpoint ${error.message}`, frontier: new Map(), root: '' }
  }
}

interface Signed {
  frontier: Frontier
  root: string
}

function problemOf(
  growths: ExtensionAnswer['authors'],
  earlier: Signed,
  now: Signed,
): string | null {
  const byAuthor = new Map(growths.map((growth) => [growth.author, growth]))
  const isAbout = (frontier: Frontier, field: 'from' | 'to'): boolean =>
    frontier.entries().every(([author, size]) => byAuthor.get(author)?.[field] === size) &&
    growths.every((growth) => growth[field] === (frontier.get(growth.author) ?? 0))
  if (!isAbout(earlier.frontier, 'from') || !isAbout(now.frontier, 'to')) {
    return 'it is about other entries'
  }
  const broken = growths.find(
    ({ from, to, from_root, to_root, proof }) =>
      !isConsistent({
        oldSize: from,
        newSize: to,
        oldRoot: bytesOf(from_root),
        newRoot: bytesOf(to_root),
        proof: proof.map(bytesOf),
      }),
  )
  if (broken !== undefined) return `log ${broken.author.slice(0, 12)}… does not extend what it was`
  const rootBy = (field: 'from_root' | 'to_root', frontier: Frontier): string | null =>
    latticeRoot(frontier, (author) => bytesOf(byAuthor.get(author)?.[field] ?? ''))
  if (rootBy('from_root', earlier.frontier) !== earlier.root) {
    return 'its logs do not come to the root signed then'
  }
  return rootBy('to_root', now.frontier) === now.root
    ? null
    : 'its logs do not come to the root signed now'
}

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, 'hex')
