import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { leafHash, MerkleLog } from '../../../merkle/index.ts'
import {
  signAttestation,
  type Attestation,
  type SignedAttestation,
} from '../../../wire/attestation.ts'
import { authorIdOf, type AuthorId } from '../../../wire/author.ts'
import { toHex } from '../../../wire/bytes.ts'
import { NO_SEALS } from '../../../wire/seal.ts'
import { signCheckpoint, type SignedCheckpoint } from '../../../wire/checkpoint.ts'
import { NO_PREVIOUS, signEntry, type SignedEntry } from '../../../wire/entry.ts'
import { covers, latticeRoot, type Frontier } from '../../../wire/frontier.ts'
import type { Intent } from '../../../wire/intent.ts'
import type { Genesis } from '../../../wire/lattice.ts'
import { peerIdOf, tagged, type Sign } from '../../../wire/signature.ts'
import { Replay } from '../../verify/recompute/replay.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Opening balances of the lattice that fakes are in. */
export const fakeGenesis: Genesis = new Map([
  ['Alice', 1_000_000],
  ['Bob', 1_000_000],
])

/** An Ed25519 key from a word, the same at every run. */
export function keyOf(word: string): { publicKey: Uint8Array; peerId: string; sign: Sign } {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
  const seed = Buffer.from(sha256(word), 'hex')
  const privateKey = createPrivateKey({
    key: Buffer.concat([prefix, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = new Uint8Array(spki.subarray(-32))
  return {
    publicKey,
    peerId: peerIdOf(publicKey),
    sign: (tag, bytes) => sign(null, tagged(tag, bytes), privateKey),
  }
}

/**
 * What a sync node holds and signs, without its network: for tests of those who ask nodes. It keeps the
 * rules of the wire; a test that wants a lie makes it on purpose.
 */
export class FakeReplica {
  readonly name: string
  readonly lattice: string
  key: ReturnType<typeof keyOf>
  incarnation: string
  instance: string
  dataLocation: string
  release = 'r0123456789ab'
  configDigest = '0'.repeat(64)
  readonly genesis: Genesis = fakeGenesis
  readonly log = new Map<AuthorId, SignedEntry[]>()

  constructor(name: string, lattice: string) {
    this.name = name
    this.lattice = lattice
    this.key = keyOf(name)
    this.incarnation = sha256(`${name} incarnation`).slice(0, 16)
    this.instance = sha256(`${name} instance`).slice(0, 16)
    this.dataLocation = sha256(`${name} data`)
  }

  get author(): AuthorId {
    return authorIdOf(this.key.publicKey, Buffer.from(this.incarnation, 'hex'))
  }

  frontier(): Frontier {
    return new Map(this.log.entries().map(([author, entries]) => [author, entries.length]))
  }

  /** Null when the logs do not reach the cut. */
  rootAt(cut: Frontier): string | null {
    if (!covers(this.frontier(), cut)) return null
    const rootOf = (author: AuthorId, size: number): Uint8Array => {
      const tree = new MerkleLog()
      const entries = this.log.get(author) ?? []
      tree.appendAll(entries.slice(0, size).map(({ id }) => leafHash(Buffer.from(id, 'hex'))))
      return tree.root()
    }
    return toHex(latticeRoot(cut, rootOf))
  }

  stateRoot(): string {
    const replay = new Replay(this.genesis)
    for (const { entry } of [...this.log.values()].flat()) replay.take(entry)
    return replay.stateAt(this.frontier()).root
  }

  /** Appends to its own log. */
  write(intent: Intent = { kind: 'noop', note: '' }): SignedEntry {
    const before = this.log.get(this.author)?.at(-1)
    const entry = {
      lattice: this.lattice,
      author: this.author,
      seq: before === undefined ? 0 : before.entry.seq + 1,
      prev: before?.id ?? NO_PREVIOUS,
      hlc: (before?.entry.hlc ?? 1_700_000_000_000_000) + 1,
      intent,
    }
    const signed = signEntry(entry, this.key.sign)
    this.take(signed)
    return signed
  }

  /** Takes another's next entry, unchecked. */
  take(signed: SignedEntry): void {
    const { author } = signed.entry
    const entries = this.log.get(author)
    if (entries === undefined) this.log.set(author, [signed])
    else entries.push(signed)
  }

  attest(
    nonce: string,
    cut: Frontier | null,
    nowMs: number,
    lies: Partial<Attestation> = {},
  ): SignedAttestation {
    const frontier = this.frontier()
    const statement: Attestation = {
      nonce,
      lattice: this.lattice,
      publicKey: this.key.publicKey,
      name: this.name,
      instance: this.instance,
      incarnation: this.incarnation,
      dataLocation: this.dataLocation,
      release: this.release,
      configDigest: this.configDigest,
      frontier,
      root: this.rootAt(frontier) ?? '',
      stateRoot: this.stateRoot(),
      cut: cut === null ? null : { frontier: cut, root: this.rootAt(cut) ?? '' },
      receivedMs: nowMs,
      sentMs: nowMs,
      ...lies,
    }
    return signAttestation(statement, this.key.sign)
  }

  checkpoint(): SignedCheckpoint {
    const frontier = this.frontier()
    return signCheckpoint(
      {
        lattice: this.lattice,
        publicKey: this.key.publicKey,
        incarnation: this.incarnation,
        frontier,
        seals: NO_SEALS,
        root: this.rootAt(frontier) ?? '',
        stateRoot: this.stateRoot(),
        clockFloor: 1,
        wallMs: 1,
      },
      this.key.sign,
    )
  }
}
