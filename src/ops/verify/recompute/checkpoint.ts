import type { Checkpoint } from '../../../wire/checkpoint.ts'
import { AUTHORS_MAX, SYNC_REQUEST_BYTES_MAX } from '../../../wire/limits.ts'
import { arrayIn, arrayOf, checkVersion, countOf, hexIn, UnsoundBytesError } from './fields.ts'
import { taggedFor } from './hash.ts'
import type { Verify } from './signature.ts'

/**
 * The checkpoint of its bytes: `[1, lattice, key, incarnation, frontier, seals, root, state root, clock
 * floor, wall clock]`, signed by the key in it. Throws `UnsoundBytesError`.
 */
export function readCheckpoint(
  bytes: Uint8Array,
  signature: Uint8Array,
  verify: Verify,
): Checkpoint {
  if (bytes.length > SYNC_REQUEST_BYTES_MAX) throw new UnsoundBytesError('is too large')
  const [version, lattice, key, incarnation, frontier, seals, root, stateRoot, floor, wallMs] =
    arrayIn(bytes, 10)
  checkVersion(version)
  const checkpoint = {
    lattice: hexIn(lattice, 32),
    publicKey: Buffer.from(hexIn(key, 32), 'hex'),
    incarnation: hexIn(incarnation, 8),
    frontier: sizesOf(frontier, 1),
    seals: sizesOf(seals, 0),
    root: hexIn(root, 32),
    stateRoot: hexIn(stateRoot, 32),
    clockFloor: countOf(floor),
    wallMs: countOf(wallMs),
  }
  if (!verify(checkpoint.publicKey, taggedFor('checkpoint', bytes), signature)) {
    throw new UnsoundBytesError('is not signed by the key that it names')
  }
  return checkpoint
}

/** `[author, size]` pairs, authors ascending: one content has one encoding. */
function sizesOf(value: unknown, sizeMin: number): ReadonlyMap<string, number> {
  const pairs = arrayOf(value)
  if (pairs.length > AUTHORS_MAX) throw new UnsoundBytesError('names too many authors')
  const sizes = new Map<string, number>()
  let last = ''
  for (const pair of pairs) {
    const [author, size] = arrayOf(pair, 2)
    const name = hexIn(author, 40)
    if (name <= last || countOf(size) < sizeMin) {
      throw new UnsoundBytesError('names its authors out of order, or one of no entry')
    }
    sizes.set(name, countOf(size))
    last = name
  }
  return sizes
}
