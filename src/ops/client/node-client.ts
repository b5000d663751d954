import { randomBytes } from 'node:crypto'
import type * as z from 'zod'
import {
  attestAnswer,
  canaryAnswer,
  eventsAnswer,
  faultAnswer,
  healthAnswer,
  integrityAnswer,
  p2pStatusAnswer,
  probeAnswer,
  receiptAnswer,
  stateAnswer,
  switchAnswer,
  verifyAnswer,
  type Health,
  type ProbeAnswer,
  type Receipt,
} from '../../wire/api.ts'
import { NONCE_BYTES } from '../../wire/attestation.ts'
import type { ImportAnswer, RepairAnswer, RetireAnswer } from '../../wire/ledger-api.ts'
import type { AuthorId } from '../../wire/author.ts'
import { frontierObject, type Frontier } from '../../wire/frontier.ts'
import { EVENTS_PER_ANSWER_MAX } from '../../wire/limits.ts'
import { paths, type SyncPolicy } from '../../wire/protocol.ts'
import type { SyncFrame } from '../../wire/sync.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import { acceptAttestation, observeTimes, type AttestObservation } from './attestation.ts'
import { systemClock, type Clock } from './clock.ts'
import { pullFrames } from './entry-stream.ts'
import { HttpOrigin } from './http-origin.ts'
import { JsonOrigin } from './json-origin.ts'
import { LedgerClient } from './ledger-client.ts'
import { ANSWER_MS_MAX, INTEGRITY_MS_MAX, PROBE_MS_MAX, WAIT_GRACE_MS } from './limits.ts'

/**
 * What the CLI may ask of one node over its HTTP API. The room `client` owns asking and believing: an
 * answer is limited in time and size, read through wire's schemas and, where it is signed, verified. It
 * must not decide what an answer means for the lattice (that is `verify`'s), and a token never leaves it
 * but in the header of a question that needs one.
 *
 * Every method throws `NodeAnswerError`, or the signal's reason when it aborts.
 */
export class NodeClient {
  readonly name: string
  readonly url: string
  readonly peerId: string
  /** Lattice id, 64 hex. */
  readonly lattice: string
  /** Entries, proofs and signed checkpoints. */
  readonly ledger: LedgerClient
  readonly #token: string | null
  readonly #clock: Clock
  readonly #origin: HttpOrigin
  readonly #json: JsonOrigin
  #isProven = false

  constructor(node: NodeClientOptions) {
    this.name = node.name
    this.url = node.url
    this.peerId = node.peerId
    this.lattice = node.lattice
    this.#token = node.token
    this.#clock = node.clock ?? systemClock
    const asked = { name: node.name, url: node.url }
    this.#origin = new HttpOrigin(asked)
    this.#json = new JsonOrigin(asked, this.#origin)
    this.ledger = new LedgerClient(this, this.#json)
  }

  /** Whether there is a token to ask for control actions with. */
  get hasToken(): boolean {
    return this.#token !== null
  }

  /** The node's signed statement over a fresh nonce, verified: key, lattice, nonce, and the cut if one was asked. */
  async attest(question: { cut?: Frontier }, signal: AbortSignal): Promise<AttestObservation> {
    const nonce = randomBytes(NONCE_BYTES).toString('hex')
    const cut = question.cut ?? null
    const body = cut === null ? { nonce } : { nonce, cut: frontierObject(cut) }
    const t0Ms = this.#clock.wallMs()
    const started = this.#clock.monotonicMs()
    const answer = await this.#json.ask(['POST', paths.attest], attestAnswer, signal, { body })
    const tookMs = this.#clock.monotonicMs() - started
    const statement = Buffer.from(answer.statement, 'base64')
    const signature = Buffer.from(answer.signature, 'base64')
    const attestation = acceptAttestation({ asked: this, nonce, cut }, statement, signature)
    this.#isProven = true
    return observeTimes(attestation, { t0Ms, tookMs })
  }

  async health(signal: AbortSignal): Promise<Health> {
    return this.#json.ask(['GET', paths.health], healthAnswer, signal)
  }

  async p2pStatus(signal: AbortSignal): Promise<P2pStatusAnswer> {
    return this.#json.ask(['GET', paths.p2pStatus], p2pStatusAnswer, signal)
  }

  async state(signal: AbortSignal): Promise<StateAnswer> {
    return this.#json.ask(['GET', paths.state], stateAnswer, signal)
  }

  /** Events after sequence number `since`, oldest first. */
  async events(
    since: number,
    signal: AbortSignal,
    limit = EVENTS_PER_ANSWER_MAX,
  ): Promise<EventsAnswer> {
    const path = `${paths.events}?since=${since}&limit=${limit}`
    return this.#json.ask(['GET', path], eventsAnswer, signal)
  }

  /** What the node finds when it reads its store again, whole, or found when it did so a moment ago. */
  async integrity(signal: AbortSignal): Promise<IntegrityAnswer> {
    const timeMsMax = INTEGRITY_MS_MAX
    return this.#json.ask(['GET', paths.integrity], integrityAnswer, signal, { timeMsMax })
  }

  /** Submits intents. A rejected or ill-formed intent is an answer (`success: false`), not an error. */
  async submit(text: string, wait: ReceiptWait, signal: AbortSignal): Promise<VerifyAnswer> {
    const token = await this.#provenToken(signal)
    return this.#json.ask(['POST', `${paths.verify}${waitQuery(wait)}`], verifyAnswer, signal, {
      body: { code: text },
      token,
      timeMsMax: waitTimeMsMax(wait),
    })
  }

  /** A signed no-op, written through this node. */
  async canary(signal: AbortSignal): Promise<Receipt> {
    const token = await this.#provenToken(signal)
    return (await this.#json.ask(['POST', paths.canary], canaryAnswer, signal, { token })).receipt
  }

  /** What this node knows of an entry, once `wait` is reached or `timeoutMs` has passed. */
  async receipt(
    author: AuthorId,
    seq: number,
    wait: ReceiptWait,
    signal: AbortSignal,
  ): Promise<ReceiptAnswer> {
    const path = `${paths.receipt}/${encodeURIComponent(author)}/${seq}${waitQuery(wait)}`
    const timeMsMax = waitTimeMsMax(wait)
    return this.#json.ask(['GET', path], receiptAnswer, signal, { timeMsMax })
  }

  /** A fresh dial from this node to the member `peer` (its name). Needs a token of scope `control`. */
  async probe(peer: string, transport: 'p2p' | 'http', signal: AbortSignal): Promise<ProbeAnswer> {
    const token = await this.#provenToken(signal)
    return this.#json.ask(['POST', paths.probe], probeAnswer, signal, {
      body: { peer, transport },
      token,
      timeMsMax: PROBE_MS_MAX,
    })
  }

  /** `revertAfterMs` null: until it is switched again. Needs `control`. */
  async switchPolicy(
    policy: SyncPolicy,
    revertAfterMs: number | null,
    signal: AbortSignal,
  ): Promise<SwitchAnswer> {
    const revert = revertAfterMs === null ? '' : `&revert_after_ms=${revertAfterMs}`
    const token = await this.#provenToken(signal)
    return this.#json.ask(
      ['POST', `${paths.switch}?mode=${policy}${revert}`],
      switchAnswer,
      signal,
      { token },
    )
  }

  /** Breaks one thing until a deadline that the node holds. Needs `control`. */
  async armFault(
    fault: { kind: 'p2p-stop'; forMs: number },
    signal: AbortSignal,
  ): Promise<ArmedFault | null> {
    const body = { kind: fault.kind, for_ms: fault.forMs }
    const token = await this.#provenToken(signal)
    return (await this.#json.ask(['POST', paths.fault], faultAnswer, signal, { body, token })).fault
  }

  /** Undoes a fault now. Needs `control`. */
  async clearFault(signal: AbortSignal): Promise<ArmedFault | null> {
    const token = await this.#provenToken(signal)
    return (await this.#json.ask(['DELETE', paths.fault], faultAnswer, signal, { token })).fault
  }

  /** What is armed. Needs `control`. */
  async fault(signal: AbortSignal): Promise<ArmedFault | null> {
    const token = await this.#provenToken(signal)
    return (await this.#json.ask(['GET', paths.fault], faultAnswer, signal, { token })).fault
  }

  /** Whether the process says that it is alive. */
  async livez(signal: AbortSignal): Promise<boolean> {
    return this.#json.isWell(paths.livez, signal)
  }

  /** Whether the node says that it accepts entries now. */
  async readyz(signal: AbortSignal): Promise<boolean> {
    return this.#json.isWell(paths.readyz, signal)
  }

  /**
   * Everything the node holds beyond `frontier`, as it streams in, after its signed checkpoint, which is
   * verified. Signatures of entries are not looked at. Throws also in the middle.
   */
  pull(frontier: Frontier, signal: AbortSignal): AsyncIterable<SyncFrame> {
    return pullFrames(this, this.#origin, frontier, signal)
  }

  /**
   * Brings frames of entries to the node, each with its length in front; resolves when what it took is on
   * its disk. Needs `admin`.
   */
  async import(frames: Uint8Array, signal: AbortSignal): Promise<ImportAnswer> {
    return this.ledger.import(frames, await this.#provenToken(signal), signal)
  }

  /** Ends the log of a directory that the node had (16 hex). Needs `admin`. */
  async retire(incarnation: string, signal: AbortSignal): Promise<RetireAnswer> {
    return this.ledger.retire(incarnation, await this.#provenToken(signal), signal)
  }

  /** Has a damaged store begun anew with what is sound of it. Needs `admin`. */
  async repair(signal: AbortSignal): Promise<RepairAnswer> {
    return this.ledger.repair(this.#token, signal)
  }

  /** The token, once the node has signed who it is: no stranger is given it, or anything to write. */
  async #provenToken(signal: AbortSignal): Promise<string | null> {
    if (!this.#isProven) await this.attest({}, signal)
    return this.#token
  }

  /** Ends every connection. The client is of no use afterwards. */
  async close(): Promise<void> {
    await this.#origin.close()
  }
}

export interface NodeClientOptions {
  name: string
  /** Origin of its HTTP API. */
  url: string
  /** The peer id that its answers must be signed by. */
  peerId: string
  /** Lattice id, 64 hex. */
  lattice: string
  /** Operator token; null: only what needs none can be asked. */
  token: string | null
  clock?: Clock
}

/** Level of a receipt to wait for, and for how long. */
export interface ReceiptWait {
  wait?: 'local' | `replicated:${number}` | 'final'
  timeoutMs?: number
}

export type P2pStatusAnswer = z.infer<typeof p2pStatusAnswer>
export type StateAnswer = z.infer<typeof stateAnswer>
export type EventsAnswer = z.infer<typeof eventsAnswer>
export type IntegrityAnswer = z.infer<typeof integrityAnswer>
export type VerifyAnswer = z.infer<typeof verifyAnswer>
export type ReceiptAnswer = z.infer<typeof receiptAnswer>
export type SwitchAnswer = z.infer<typeof switchAnswer>
export type ArmedFault = NonNullable<z.infer<typeof faultAnswer>['fault']>

function waitQuery({ wait, timeoutMs }: ReceiptWait): string {
  const query = new URLSearchParams()
  if (wait !== undefined) query.set('wait', wait)
  if (timeoutMs !== undefined) query.set('timeout_ms', String(timeoutMs))
  return query.size === 0 ? '' : `?${query.toString()}`
}

const waitTimeMsMax = ({ timeoutMs }: ReceiptWait): number =>
  timeoutMs === undefined ? ANSWER_MS_MAX : timeoutMs + WAIT_GRACE_MS

/** A client for every node of the lattice, in its order. */
export const clientsOf = (lattice: DesiredLattice, token: string | null): NodeClient[] =>
  lattice.nodes.map(
    ({ name, url, peerId }) => new NodeClient({ name, url, peerId, lattice: lattice.id, token }),
  )

export async function closeClients(clients: readonly NodeClient[]): Promise<void> {
  await Promise.all(clients.map(async (client) => client.close()))
}
