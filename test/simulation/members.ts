import { createPrivateKey, createPublicKey, hash, sign } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { CoreConfig } from '../../src/node/replica/contract.ts'
import { authorIdOf, type AuthorId } from '../../src/wire/author.ts'
import { signEntry, type Entry, type SignedEntry } from '../../src/wire/entry.ts'
import { latticeIdOf, type Genesis } from '../../src/wire/lattice.ts'
import {
  peerIdOf,
  SIGNATURE_BYTES,
  tagged,
  verifySignature,
  type Sign,
  type Tag,
  type Verify,
} from '../../src/wire/signature.ts'

/**
 * Made-up members for tests. The directory `simulation` owns a world in which real cores run on made-up
 * clocks, disks and networks; it decides nothing for them and takes no randomness but its seed.
 */
export interface Key {
  publicKey: Uint8Array
  peerId: string
  sign: Sign
}

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** An Ed25519 key, the same for the same number. */
export function realKey(number: number): Key {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, hash('sha256', `member ${number}`, 'buffer')]),
    format: 'der',
    type: 'pkcs8',
  })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const publicKey = new Uint8Array(spki.subarray(-32))
  return {
    publicKey,
    peerId: peerIdOf(publicKey),
    sign: (tag, bytes) => sign(null, tagged(tag, bytes), key),
  }
}

/** A key whose signatures anyone can make: they take a fraction of a µs where Ed25519 takes 90. */
export function fakeKey(number: number): Key {
  const publicKey = new Uint8Array(hash('sha256', `member ${number}`, 'buffer'))
  return {
    publicKey,
    peerId: peerIdOf(publicKey),
    sign: (tag, bytes) => fakeSignature(publicKey, tag, bytes),
  }
}

const sumsBefore = new WeakMap<Uint8Array, Map<Tag, number>>()

/** Of what is the same in all that one key signs of one kind. */
function sumBefore(publicKey: Uint8Array, tag: Tag): number {
  const sums = sumsBefore.get(publicKey) ?? new Map<Tag, number>()
  sumsBefore.set(publicKey, sums)
  const sum = sums.get(tag) ?? crc32(publicKey, crc32(tag))
  sums.set(tag, sum)
  return sum
}

/** It differs with the key, the tag and every byte, and no more is asked of it. */
const fakeSum = (publicKey: Uint8Array, tag: Tag, bytes: Uint8Array): number =>
  crc32(bytes, sumBefore(publicKey, tag))

/** Byte `index` of a fake signature: the sum again and again. */
const fakeByte = (sum: number, index: number): number => (sum >>> ((index & 3) * 8)) & 0xff

function fakeSignature(publicKey: Uint8Array, tag: Tag, bytes: Uint8Array): Uint8Array {
  const sum = fakeSum(publicKey, tag, bytes)
  const signature = new Uint8Array(SIGNATURE_BYTES)
  for (let index = 0; index < SIGNATURE_BYTES; index++) signature[index] = fakeByte(sum, index)
  return signature
}

const verifyFake: Verify = (publicKey, tag, bytes, signature) => {
  if (signature.length !== SIGNATURE_BYTES) return false
  const sum = fakeSum(publicKey, tag, bytes)
  for (let index = 0; index < SIGNATURE_BYTES; index++)
    if (signature[index] !== fakeByte(sum, index)) return false
  return true
}

export interface Lattice {
  id: string
  genesis: Genesis
  keys: readonly Key[]
  verify: Verify
}

export function makeLattice(
  members: number,
  options: { isReal?: boolean; genesis?: Record<string, number> } = {},
): Lattice {
  const { isReal = false, genesis = { Alice: 1000, Bob: 1000 } } = options
  const balances = new Map(Object.entries(genesis))
  return {
    id: latticeIdOf('test', balances),
    genesis: balances,
    keys: Array.from({ length: members }, (_, index) => (isReal ? realKey(index) : fakeKey(index))),
    verify: isReal ? verifySignature : verifyFake,
  }
}

/** The key of member `index`. */
export function keyOf(lattice: Lattice, index: number): Key {
  const key = lattice.keys[index]
  if (key === undefined) throw new RangeError(`no member ${index}`)
  return key
}

export const peerIdsOf = (lattice: Lattice): string[] => lattice.keys.map((key) => key.peerId)

export const incarnationOf = (number: number): string =>
  hash('sha256', `incarnation ${number}`, 'hex').slice(0, 16)

export const authorOf = (lattice: Lattice, index: number, incarnation = 0): AuthorId =>
  authorIdOf(keyOf(lattice, index).publicKey, Buffer.from(incarnationOf(incarnation), 'hex'))

export function configOf(
  lattice: Lattice,
  index: number,
  incarnation: string,
  exchange: CoreConfig['exchange'],
  stored: CoreConfig['stored'],
): CoreConfig {
  const key = keyOf(lattice, index)
  return {
    lattice: lattice.id,
    genesis: lattice.genesis,
    publicKey: key.publicKey,
    incarnation,
    others: new Map(
      lattice.keys
        .filter((other) => other !== key)
        .map(({ peerId, publicKey }) => [peerId, publicKey]),
    ),
    exchange,
    sign: key.sign,
    verify: lattice.verify,
    stored,
  }
}

/** A chain of entries by one author: `[hlc, intent]` each. */
export function chainOf(
  lattice: Lattice,
  index: number,
  links: readonly (readonly [hlc: number, intent: Entry['intent']])[],
  { incarnation = 0, after = [] as readonly SignedEntry[] } = {},
): SignedEntry[] {
  const author = authorOf(lattice, index, incarnation)
  const chain = [...after]
  for (const [hlc, intent] of links) {
    const entry: Entry = {
      lattice: lattice.id,
      author,
      seq: chain.length,
      prev: chain.at(-1)?.id ?? '0'.repeat(64),
      hlc,
      intent,
    }
    chain.push(signEntry(entry, keyOf(lattice, index).sign))
  }
  return chain.slice(after.length)
}
