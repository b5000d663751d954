import { randomBytes } from 'node:crypto'
import { NONCE_BYTES } from '../../wire/attestation.ts'
import type { AuthorId } from '../../wire/author.ts'
import { WireError } from '../../wire/cbor.ts'
import { decodeCheckpoint, type SignedCheckpoint } from '../../wire/checkpoint.ts'
import { decodeEntry, isSigned, type SignedEntry } from '../../wire/entry.ts'
import { frontierObject, type Frontier } from '../../wire/frontier.ts'
import {
  checkpointAnswer,
  entriesAnswer,
  entryAnswer,
  extensionAnswer,
  historyAnswer,
  importAnswer,
  inclusionAnswer,
  possessionAnswer,
  repairAnswer,
  retireAnswer,
  type EntryView,
  type ExtensionAnswer,
  type HistoryAnswer,
  type ImportAnswer,
  type RepairAnswer,
  type RetireAnswer,
} from '../../wire/ledger-api.ts'
import { ENTRIES_PER_ANSWER_MAX } from '../../wire/limits.ts'
import { FRAMES_MEDIA_TYPE, paths } from '../../wire/protocol.ts'
import { provenExtension, provenInclusion, type Proven } from '../../wire/proofs.ts'
import { isPossessed } from '../../wire/possession.ts'
import { publicKeyOf, verifySignature } from '../../wire/signature.ts'
import type { JsonOrigin } from './json-origin.ts'
import { IMPORT_MS_MAX, REPAIR_MS_MAX } from './limits.ts'
import { NodeAnswerError, type Asked } from './node-answer-error.ts'

/** An entry of an answer, once its author’s signature was verified. */
export interface EntryPage {
  entries: SignedEntry[]
  /** Entries of the author that the node holds. */
  size: number
  next: number | null
}

/**
 * Questions about the ledger's evidence. What comes back is verified: entries are their authors',
 * checkpoints this node's, and proofs lead to them; but for what is called claimed. Throws as `NodeClient` does.
 */
export class LedgerClient {
  readonly #asked: Asked & { peerId: string; lattice: string }
  readonly #json: JsonOrigin

  constructor(asked: Asked & { peerId: string; lattice: string }, json: JsonOrigin) {
    this.#asked = asked
    this.#json = json
  }

  /** Entries of one author from `from` on. */
  async entries(author: AuthorId, from: number, signal: AbortSignal): Promise<EntryPage> {
    const path = `${paths.entries}/${author}?from=${from}`
    const { entries, size, next } = await this.#json.ask(['GET', path], entriesAnswer, signal)
    return { entries: entries.map((view) => this.#entryOf(view)), size, next }
  }

  /** The newest checkpoint that the node has signed. */
  async checkpoint(signal: AbortSignal): Promise<SignedCheckpoint> {
    const { checkpoint } = await this.#json.ask(['GET', paths.checkpoint], checkpointAnswer, signal)
    const { bytes, signature } = checkpoint
    return this.#own(
      this.#decoded(() => decodeCheckpoint(decode64(bytes), decode64(signature), verifySignature)),
    )
  }

  /** The signed checkpoint that an entry is proven to lie below. */
  async inclusion(
    author: AuthorId,
    seq: number,
    id: string,
    signal: AbortSignal,
  ): Promise<SignedCheckpoint> {
    const path = `${paths.inclusion}/${author}/${seq}`
    const answer = await this.#json.ask(['GET', path], inclusionAnswer, signal)
    if (answer.author !== author || answer.seq !== seq || answer.id !== id) {
      throw this.#badProof('it is about another entry')
    }
    return this.#proven(provenInclusion(answer, verifySignature))
  }

  /** The signed checkpoint that is proven to extend `earlier`. */
  async extension(
    earlier: { frontier: Frontier; root: string },
    signal: AbortSignal,
  ): Promise<SignedCheckpoint> {
    const answer = await this.claimedExtension(earlier.frontier, signal)
    return this.#proven(provenExtension(earlier, answer, verifySignature))
  }

  /** An entry as the node gives it away, unverified: for whoever verifies by code of its own. */
  async claimedEntry(
    author: AuthorId,
    seq: number,
    signal: AbortSignal,
  ): Promise<{ bytes: Uint8Array; signature: Uint8Array }> {
    const path = `${paths.entries}/${author}/${seq}`
    const { entry } = await this.#json.ask(['GET', path], entryAnswer, signal)
    return { bytes: decode64(entry.bytes), signature: decode64(entry.signature) }
  }

  /** The path of an entry in its author's tree of `size` entries, from the leaf's sibling up; unverified. */
  async claimedPath(
    author: AuthorId,
    seq: number,
    size: number,
    signal: AbortSignal,
  ): Promise<Uint8Array[]> {
    const path = `${paths.inclusion}/${author}/${seq}?size=${size}`
    const { in_log } = await this.#json.ask(['GET', path], inclusionAnswer, signal)
    return in_log.proof.map((hash) => Buffer.from(hash, 'hex'))
  }

  /** What the node claims to extend an earlier frontier; unverified. */
  async claimedExtension(frontier: Frontier, signal: AbortSignal): Promise<ExtensionAnswer> {
    const body = { frontier: frontierObject(frontier) }
    return this.#json.ask(['POST', paths.consistency], extensionAnswer, signal, { body })
  }

  /** What happened to an account, newest first. `before`: `next` of the answer before. */
  async history(
    account: string,
    before: string | null,
    signal: AbortSignal,
    limit = ENTRIES_PER_ANSWER_MAX,
  ): Promise<HistoryAnswer> {
    const query = new URLSearchParams({ limit: String(limit) })
    if (before !== null) query.set('before', before)
    const path = `${paths.accounts}/${encodeURIComponent(account)}/history?${query.toString()}`
    const answer = await this.#json.ask(['GET', path], historyAnswer, signal)
    for (const view of answer.entries) this.#entryOf(view)
    return answer
  }

  /** Brings frames to the node, each with its length in front; resolves when they are on its disk. */
  async import(
    frames: Uint8Array,
    token: string | null,
    signal: AbortSignal,
  ): Promise<ImportAnswer> {
    return this.#json.ask(['POST', paths.import], importAnswer, signal, {
      bytes: { mediaType: FRAMES_MEDIA_TYPE, bytes: frames },
      token,
      timeMsMax: IMPORT_MS_MAX,
    })
  }

  /** Ends the log of a directory that the node had. */
  async retire(
    incarnation: string,
    token: string | null,
    signal: AbortSignal,
  ): Promise<RetireAnswer> {
    const body = { incarnation }
    return this.#json.ask(['POST', paths.retire], retireAnswer, signal, { body, token })
  }

  /** Has a damaged store begun anew, once the node has proven its key: it can attest nothing else. */
  async repair(token: string | null, signal: AbortSignal): Promise<RepairAnswer> {
    await this.#provePossession(signal)
    const timeMsMax = REPAIR_MS_MAX
    return this.#json.ask(['POST', paths.repair], repairAnswer, signal, { token, timeMsMax })
  }

  async #provePossession(signal: AbortSignal): Promise<void> {
    const { peerId, lattice } = this.#asked
    const nonce = randomBytes(NONCE_BYTES).toString('hex')
    const question = ['POST', paths.possession] as const
    const answer = await this.#json.ask(question, possessionAnswer, signal, { body: { nonce } })
    const publicKey = publicKeyOf(peerId) ?? new Uint8Array()
    const signature = decode64(answer.signature)
    if (isPossessed({ nonce, lattice, publicKey }, signature, verifySignature)) return
    const problem = `the node that answers is ${answer.peer_id}, or of another lattice`
    throw new NodeAnswerError(this.#asked, 'wrong-identity', problem)
  }

  #entryOf(view: EntryView): SignedEntry {
    const signed = this.#decoded(() => decodeEntry(decode64(view.bytes), decode64(view.signature)))
    const { author, seq } = signed.entry
    const isSame = view.author === author && view.seq === seq && view.id === signed.id
    if (
      isSame &&
      signed.entry.lattice === this.#asked.lattice &&
      isSigned(signed, verifySignature)
    ) {
      return signed
    }
    throw new NodeAnswerError(this.#asked, 'bad-signature', 'it shows an entry that is not signed')
  }

  #proven(proven: Proven): SignedCheckpoint {
    if (proven.ok) return this.#own(proven.checkpoint)
    throw this.#badProof(proven.problem)
  }

  #own(signed: SignedCheckpoint): SignedCheckpoint {
    if (signed.peerId !== this.#asked.peerId) {
      const problem = `its checkpoint is signed by ${signed.peerId}`
      throw new NodeAnswerError(this.#asked, 'wrong-identity', problem)
    }
    if (signed.checkpoint.lattice === this.#asked.lattice) return signed
    throw new NodeAnswerError(this.#asked, 'wrong-lattice', 'its checkpoint is of another lattice')
  }

  #decoded<T>(decode: () => T): T {
    try {
      return decode()
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      const code = error.code === 'bad-signature' ? 'bad-signature' : 'not-a-node'
      throw new NodeAnswerError(
        this.#asked,
        code,
        `what it signed is not acceptable: ${error.message}`,
      )
    }
  }

  #badProof(problem: string): NodeAnswerError {
    return new NodeAnswerError(this.#asked, 'bad-proof', `its proof does not hold: ${problem}`)
  }
}

const decode64 = (text: string): Uint8Array => Buffer.from(text, 'base64')
