import { randomBytes } from 'node:crypto'
import { attestAnswer, type ProbeAnswer } from '../../../wire/api.ts'
import { decodeAttestation, NONCE_BYTES } from '../../../wire/attestation.ts'
import type { Member } from '../../../wire/lattice.ts'
import { JSON_ANSWER_BYTES_MAX } from '../../../wire/limits.ts'
import { paths } from '../../../wire/protocol.ts'
import { verifySignature } from '../../../wire/signature.ts'
import { PROBE_MS_MAX } from './limits.ts'
import { HttpClient, refusalOf, textOf } from './request.ts'

/** A connection of its own to a member, and an answer that its key signed over a fresh nonce. */
export async function probeHttp(
  member: Member,
  signal: AbortSignal,
): Promise<Pick<ProbeAnswer, 'result' | 'rtt_ms' | 'address' | 'error'>> {
  const nonce = randomBytes(NONCE_BYTES).toString('hex')
  const client = new HttpClient({ keepAlive: false })
  const question = JSON.stringify({ nonce })
  const startedMs = performance.now()
  try {
    const answer = await client.ask(`${member.url}${paths.attest}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-length': String(question.length),
        accept: 'application/json',
      },
      body: Buffer.from(question),
      silenceMsMax: PROBE_MS_MAX,
      signal,
    })
    if (answer.statusCode !== 200) throw await refusalOf(answer)
    const { statement, signature } = attestAnswer.parse(
      JSON.parse(await textOf(answer, JSON_ANSWER_BYTES_MAX)),
    )
    const signed = decodeAttestation(
      Buffer.from(statement, 'base64'),
      Buffer.from(signature, 'base64'),
      verifySignature,
    )
    if (signed.peerId !== member.peerId)
      throw new Error(`another node answers there: ${signed.peerId}`)
    if (signed.attestation.nonce !== nonce) throw new Error('an old answer was replayed')
    return {
      result: 'reached',
      rtt_ms: performance.now() - startedMs,
      address: member.url,
      error: null,
    }
  } catch (error) {
    return { result: 'failed', rtt_ms: null, address: member.url, error: reasonOf(error) }
  } finally {
    client.close()
  }
}

/** One line that says why an exchange failed. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as NodeJS.ErrnoException).code
  return (error.message || code || error.name).slice(0, 300)
}
