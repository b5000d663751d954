import { NodeAnswerError } from '../client/node-answer-error.ts'
import { NodeClient } from '../client/node-client.ts'
import type { UrlAnswer } from './evidence.ts'

/** Whom to ask. `peerId` null: its key was not made yet. */
export interface AskedNode {
  name: string
  url: string
  peerId: string | null
  /** Lattice id, 64 hex. */
  lattice: string
}

/** Asks what answers at a node's url who it is. A page that says 200 is no node. */
export async function askUrl(
  { name, url, peerId, lattice }: AskedNode,
  signal: AbortSignal,
): Promise<UrlAnswer> {
  const client = new NodeClient({ name, url, peerId: peerId ?? '', lattice, token: null })
  try {
    if (peerId === null) {
      await client.health(signal)
      return { kind: 'unproven' }
    }
    const { attestation } = await client.attest({}, signal)
    return attestation.name === name
      ? { kind: 'ours', release: attestation.release }
      : { kind: 'misnamed', name: attestation.name }
  } catch (error) {
    if (!(error instanceof NodeAnswerError)) throw error
    const { code, status, message, hint = null } = error
    // The finding stands below the node's name.
    return {
      kind: 'failed',
      code,
      status,
      message: message.replace(`${name} (${url}): `, ''),
      hint,
    }
  } finally {
    await client.close()
  }
}
