import { encodeCanonical } from './cbor.ts'
import { taggedHash, tags } from './signature.ts'

/** Opening balances, in minor units. */
export type Genesis = ReadonlyMap<string, number>

/** A node that may write and be talked to. */
export interface Member {
  name: string
  /** libp2p peer id; the Ed25519 public key is in it. */
  peerId: string
  /** Origin of its HTTP API, such as `https://backup.example.com`; no trailing slash. */
  url: string
}

/**
 * Id of a lattice (64 hex): its name and its opening balances. Nodes that would compute other states
 * from the same entries are in other lattices and refuse each other.
 */
export const latticeIdOf = (name: string, genesis: Genesis): string =>
  taggedHash(
    tags.lattice,
    encodeCanonical([
      name,
      [...genesis]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([account, amount]) => [account, amount]),
    ]),
  )
