/**
 * Makes parts of `wire.json` anew from what `src/wire` encodes now: `npm run vectors -- checkpoint …`.
 * Writes the parts that are named, no other, and says of every part whether it would change. When a part
 * may change is in the README beside this file.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { leafHash, rootOfLeaves } from '../../src/merkle/index.ts'
import { signAttestation } from '../../src/wire/attestation.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { encodeCanonical } from '../../src/wire/cbor.ts'
import { signCheckpoint } from '../../src/wire/checkpoint.ts'
import { signEntry, type Entry } from '../../src/wire/entry.ts'
import { encodeFrontier, latticeRoot } from '../../src/wire/frontier.ts'
import { latticeIdOf } from '../../src/wire/lattice.ts'
import { encodeSeal, equivocationOf, signRetirement, type Seal } from '../../src/wire/seal.ts'
import { encodeFrame, encodeSyncRequest, prefixed } from '../../src/wire/sync.ts'
import { realKey } from '../simulation/members.ts'
import type vectors from './wire.json'

type Vectors = typeof vectors

const file = join(import.meta.dirname, 'wire.json')
const frozen = JSON.parse(readFileSync(file, 'utf8')) as Vectors
const { publicKey, sign } = realKey(0)
const sizesOf = (sizes: Partial<Record<string, number>>): Map<string, number> =>
  new Map(Object.entries(sizes).map(([author, size]) => [author, size ?? 0]))

/** Every part that is made of bytes, from the fields that stand beside them. */
function made(): Partial<Vectors> {
  const entries = frozen.entries.map(({ entry }) => signEntry(entry as Entry, sign))
  const frontier = sizesOf(frozen.frontier.sizes)
  const rootOf = (_author: string, size: number): Uint8Array =>
    rootOfLeaves(Array.from({ length: size }, (_, index) => leafHash(Uint8Array.of(index))))
  const checkpoint = signCheckpoint(
    { ...frozen.checkpoint.fields, publicKey, frontier, seals: sizesOf(frozen.checkpoint.seals) },
    sign,
  )
  const cut = { frontier, root: frozen.attestation.cutRoot }
  const attestation = signAttestation(
    { ...frozen.attestation.fields, publicKey, frontier, cut },
    sign,
  )
  const seals = sealsOf(entries)
  const { lattice } = checkpoint.checkpoint
  const request = { lattice, frontier, seals: checkpoint.checkpoint.seals, checkpoint }
  const answer = [
    encodeFrame({ kind: 'checkpoint', checkpoint }),
    encodeFrame({ kind: 'seals', seals }),
    encodeFrame({ kind: 'entries', entries }),
    encodeFrame({ kind: 'end', entryCount: entries.length }),
  ]
  return {
    latticeIds: frozen.latticeIds.map((one) => ({
      ...one,
      id: latticeIdOf(one.name, sizesOf(one.genesis)),
    })),
    entries: frozen.entries.map(({ entry }, index) => ({ entry, ...signed(entries[index]) })),
    frontier: {
      ...frozen.frontier,
      bytes: toHex(encodeCanonical(encodeFrontier(frontier))),
      latticeRoot: toHex(latticeRoot(frontier, rootOf)),
    },
    checkpoint: { ...frozen.checkpoint, ...signed(checkpoint) },
    attestation: { ...frozen.attestation, ...signed(attestation) },
    syncRequest: toHex(encodeSyncRequest(request)),
    syncAnswer: toHex(Buffer.concat(answer.map(prefixed))),
    seals: seals.map((seal) => ({
      kind: seal.proof.kind,
      author: seal.author,
      size: seal.size,
      bytes: toHex(encodeCanonical(encodeSeal(seal))),
    })),
  } as Vectors
}

/** The second entry against another in its place, and the word that the log of all of them is retired. */
function sealsOf(entries: readonly ReturnType<typeof signEntry>[]): Seal[] {
  const [, second] = entries
  if (second === undefined) throw new Error('wire.json has no second entry')
  const intent = { kind: 'noop', note: 'another' } as const
  const equivocation = equivocationOf(second, signEntry({ ...second.entry, intent }, sign))
  if (equivocation === null) throw new Error('two entries in one place prove nothing')
  const { lattice, author } = second.entry
  return [equivocation, signRetirement({ lattice, author, size: entries.length }, sign)]
}

const signed = (one: { bytes: Uint8Array; signature: Uint8Array; id?: string } | undefined) => ({
  bytes: toHex(one?.bytes ?? new Uint8Array()),
  ...(one?.id === undefined ? {} : { id: one.id }),
  signature: toHex(one?.signature ?? new Uint8Array()),
})

const named = process.argv.slice(2)
const next: Record<string, unknown> = { ...frozen }
for (const [part, value] of Object.entries(made())) {
  const isSame = JSON.stringify(value) === JSON.stringify(next[part])
  const isTaken = !isSame && named.includes(part)
  if (isTaken) next[part] = value
  process.stdout.write(`${part}: ${isSame ? 'same' : isTaken ? 'written anew' : 'would change'}\n`)
}
writeFileSync(file, `${JSON.stringify(next, undefined, 2)}\n`)
