import type { Attestation, SignedAttestation } from '../../wire/attestation.ts'
import { decodeAttestation } from '../../wire/attestation.ts'
import { WireError } from '../../wire/cbor.ts'
import { equalFrontiers, type Frontier } from '../../wire/frontier.ts'
import { verifySignature } from '../../wire/signature.ts'
import { NodeAnswerError, type Asked } from './node-answer-error.ts'

/** What was asked, and of whom an answer is accepted. */
export interface AttestQuestion {
  asked: Asked & { peerId: string; lattice: string }
  /** 32 hex. */
  nonce: string
  cut: Frontier | null
}

/**
 * The statement inside an answer, once it is certain that the node with this key made it for this very
 * question. Throws `NodeAnswerError` otherwise.
 */
export function acceptAttestation(
  question: AttestQuestion,
  bytes: Uint8Array,
  signature: Uint8Array,
): Attestation {
  const { asked, nonce, cut } = question
  let signed: SignedAttestation
  try {
    signed = decodeAttestation(bytes, signature, verifySignature)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    const code = error.code === 'bad-signature' ? 'bad-signature' : 'not-a-node'
    throw new NodeAnswerError(asked, code, `its attestation is not acceptable: ${error.message}`)
  }
  const { attestation, peerId } = signed
  if (attestation.nonce !== nonce) {
    throw new NodeAnswerError(
      asked,
      'bad-signature',
      'its attestation answers another question, not ours',
    )
  }
  if (peerId !== asked.peerId) {
    throw new NodeAnswerError(
      asked,
      'wrong-identity',
      `the node that answers is ${peerId} (${JSON.stringify(attestation.name)}), not ${asked.peerId}`,
    )
  }
  if (attestation.lattice !== asked.lattice) {
    throw new NodeAnswerError(
      asked,
      'wrong-lattice',
      `it belongs to lattice ${attestation.lattice.slice(0, 12)}…, not ${asked.lattice.slice(0, 12)}…`,
    )
  }
  if (!isCutAnswered(cut, attestation.cut?.frontier ?? null)) {
    throw new NodeAnswerError(
      asked,
      'bad-signature',
      'it attests another cut than it was asked about',
    )
  }
  return attestation
}

const isCutAnswered = (wanted: Frontier | null, answered: Frontier | null): boolean =>
  wanted === null || answered === null ? wanted === answered : equalFrontiers(wanted, answered)

/** A verified attestation and when it was made, by both clocks. */
export interface AttestObservation {
  attestation: Attestation
  /** Our wall clock when the question left and when the answer was here; the node's in between. Milliseconds. */
  t0Ms: number
  t1Ms: number
  t2Ms: number
  t3Ms: number
  /** Time on the way, there and back. */
  rttMs: number
  /** The node's clock minus ours; true to within half of `rttMs`. */
  offsetMs: number
}

/**
 * `t0Ms` is our wall clock at the question, `tookMs` monotonic: a step of our own clock meanwhile does not
 * look like the node's offset.
 */
export function observeTimes(
  attestation: Attestation,
  { t0Ms, tookMs }: { t0Ms: number; tookMs: number },
): AttestObservation {
  const { receivedMs: t1Ms, sentMs: t2Ms } = attestation
  const t3Ms = t0Ms + tookMs
  return {
    attestation,
    t0Ms,
    t1Ms,
    t2Ms,
    t3Ms,
    rttMs: Math.max(0, tookMs - (t2Ms - t1Ms)),
    offsetMs: (t1Ms - t0Ms + (t2Ms - t3Ms)) / 2,
  }
}
