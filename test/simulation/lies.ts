import { authorIdOf } from '../../src/wire/author.ts'
import { signCheckpoint, type Checkpoint } from '../../src/wire/checkpoint.ts'
import { signEntry, type SignedEntry } from '../../src/wire/entry.ts'
import { decodeFrame, encodeFrame, type SyncFrame } from '../../src/wire/sync.ts'
import type { Chance } from './chance.ts'
import { fakeKey, keyOf, type Key, type Lattice } from './members.ts'
import { signedLies, type Lie } from './plan.ts'

/** Frames that are remembered, to be told again. */
const HEARD_MAX = 16
/** Entries that it claims to hold more than it does. */
const CLAIMED_MAX = 5
/** Microseconds that a false floor is ahead. */
const FALSE_LEAD_US = 3_000_000
const STRANGER = 99

/** Makes what one member sends worse. It lies about one thing at a time, and not always. */
export class Liar {
  readonly #lie: Lie
  readonly #oneIn: number
  readonly #lattice: Lattice
  readonly #key: Key
  readonly #chance: Chance
  readonly #heard: Uint8Array[] = []
  told = 0

  constructor(lie: Lie, oneIn: number, lattice: Lattice, index: number, chance: Chance) {
    this.#lie = lie
    this.#oneIn = oneIn
    this.#lattice = lattice
    this.#key = keyOf(lattice, index)
    this.#chance = chance
  }

  /** What is sent in place of this frame; null: nothing is. */
  tell(bytes: Uint8Array): Uint8Array | null {
    this.#heard.push(bytes)
    if (this.#heard.length > HEARD_MAX) this.#heard.shift()
    if (!this.#chance.isOneIn(this.#oneIn)) return bytes
    const told = this.#worsened(bytes)
    if (told !== bytes) this.told += 1
    return told
  }

  /** What is asked in place of this request. */
  ask(request: Uint8Array): Uint8Array {
    const isBytewise = this.#lie === 'garbled' || this.#lie === 'truncated'
    return isBytewise ? (this.tell(request) ?? request) : request
  }

  #worsened(bytes: Uint8Array): Uint8Array | null {
    const chance = this.#chance
    switch (this.#lie) {
      case 'garbled': {
        const garbled = Uint8Array.from(bytes)
        const at = chance.below(bytes.length)
        garbled[at] = (garbled[at] ?? 0) ^ (1 << chance.below(8))
        return garbled
      }
      case 'truncated':
        return bytes.slice(0, chance.below(bytes.length))
      case 'replayed':
        return chance.oneOf(this.#heard) ?? bytes
      case 'withheld':
        return null
      default:
        return this.#reworded(bytes, decodeFrame(bytes, this.#lattice.verify))
    }
  }

  #reworded(bytes: Uint8Array, frame: SyncFrame): Uint8Array {
    if (frame.kind === 'entries') {
      const entries = this.#otherEntries(frame.entries)
      return entries === null ? bytes : encodeFrame({ kind: 'entries', entries })
    }
    if (frame.kind === 'checkpoint' && frame.checkpoint.peerId === this.#key.peerId) {
      const changes = this.#changes(frame.checkpoint.checkpoint)
      if (changes === null) return bytes
      const checkpoint = { ...frame.checkpoint.checkpoint, ...changes }
      return encodeFrame({
        kind: 'checkpoint',
        checkpoint: signCheckpoint(checkpoint, this.#key.sign),
      })
    }
    return bytes
  }

  #otherEntries(entries: readonly SignedEntry[]): SignedEntry[] | null {
    switch (this.#lie) {
      case 'reversed':
        return entries.toReversed()
      case 'forged':
        // Another's entry with another content: only its author's key could have signed it.
        return entries.map(({ entry }) =>
          signEntry({ ...entry, intent: { kind: 'noop', note: 'forged' } }, fakeKey(STRANGER).sign),
        )
      case 'stranger': {
        const stranger = fakeKey(STRANGER)
        const author = authorIdOf(stranger.publicKey, new Uint8Array(8))
        return entries.map(({ entry }) => signEntry({ ...entry, author }, stranger.sign))
      }
      case 'foreign':
        return entries.map(({ entry }) =>
          signEntry({ ...entry, lattice: 'ab'.repeat(32) }, this.#key.sign),
        )
      default:
        return null
    }
  }

  #changes(truth: Checkpoint): Partial<Checkpoint> | null {
    switch (this.#lie) {
      case 'foreign':
        return { lattice: 'ab'.repeat(32) }
      case 'wrong-root':
        return { root: 'cd'.repeat(32) }
      case 'wrong-state':
        return { stateRoot: 'ef'.repeat(32) }
      case 'overclaim': {
        const more = (size: number): number => size + this.#chance.below(CLAIMED_MAX)
        return {
          frontier: new Map(truth.frontier.entries().map(([author, size]) => [author, more(size)])),
          root: 'cd'.repeat(32),
        }
      }
      case 'false-floor':
        return { clockFloor: truth.clockFloor + FALSE_LEAD_US }
      default:
        return null
    }
  }
}

/** Whether the liar's own key has signed what is not true: then nothing of it can be believed again. */
export const isSignedLie = (lie: Lie): boolean => signedLies.some((signed) => signed === lie)
