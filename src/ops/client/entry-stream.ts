import { WireError } from '../../wire/cbor.ts'
import type { Frontier } from '../../wire/frontier.ts'
import { paths, SYNC_MEDIA_TYPE } from '../../wire/protocol.ts'
import { NO_SEALS } from '../../wire/seal.ts'
import { verifySignature } from '../../wire/signature.ts'
import { encodeSyncRequest, readFrames, type SyncFrame } from '../../wire/sync.ts'
import type { HttpOrigin, Question } from './http-origin.ts'
import { refuseHead } from './json-origin.ts'
import { PULL_BYTES_MAX, PULL_IDLE_MS_MAX, PULL_MS_MAX } from './limits.ts'
import { NodeAnswerError, type Asked } from './node-answer-error.ts'

/**
 * Everything a node holds beyond `frontier`, as it streams in, after its signed checkpoint. The
 * checkpoint is verified and the node's own; signatures of entries are not looked at. Throws
 * `NodeAnswerError`, also in the middle.
 */
export async function* pullFrames(
  asked: Asked & { peerId: string; lattice: string },
  origin: HttpOrigin,
  frontier: Frontier,
  signal: AbortSignal,
): AsyncGenerator<SyncFrame> {
  const request = encodeSyncRequest({
    lattice: asked.lattice,
    frontier,
    seals: NO_SEALS,
    checkpoint: null,
  })
  const question: Question = {
    method: 'POST',
    path: paths.sync,
    body: { mediaType: SYNC_MEDIA_TYPE, bytes: request },
    token: null,
    accept: SYNC_MEDIA_TYPE,
    timeMsMax: PULL_MS_MAX,
    idleMsMax: PULL_IDLE_MS_MAX,
  }
  const chunks = origin.stream(question, PULL_BYTES_MAX, signal, (head) => {
    refuseHead(asked, head, SYNC_MEDIA_TYPE)
  })
  try {
    for await (const frame of readFrames(chunks, verifySignature)) {
      if (frame.kind === 'checkpoint') checkSigner(asked, frame)
      yield frame
    }
  } catch (error) {
    throw error instanceof WireError ? failureOf(asked, error) : error
  }
}

function checkSigner(
  asked: Asked & { peerId: string; lattice: string },
  { checkpoint }: SyncFrame & { kind: 'checkpoint' },
): void {
  if (checkpoint.peerId !== asked.peerId) {
    throw new NodeAnswerError(
      asked,
      'wrong-identity',
      `its checkpoint is signed by ${checkpoint.peerId}`,
    )
  }
  if (checkpoint.checkpoint.lattice !== asked.lattice) {
    throw new NodeAnswerError(asked, 'wrong-lattice', 'its checkpoint is of another lattice')
  }
}

function failureOf(asked: Asked, error: WireError): NodeAnswerError {
  const problem = `its stream of entries is not acceptable: ${error.message}`
  switch (error.code) {
    case 'bad-signature':
    case 'too-large':
      return new NodeAnswerError(asked, error.code, problem)
    case 'truncated':
      return new NodeAnswerError(asked, 'unreachable', 'its stream of entries broke off')
    default:
      return new NodeAnswerError(asked, 'not-a-node', problem)
  }
}
