import {
  asArray,
  asBytes,
  asUint,
  decodeCanonical,
  encodePassing,
  WireError,
  type Cbor,
} from './cbor.ts'
import { decodeCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import { decodeEntry, HASH_BYTES, type SignedEntry } from './entry.ts'
import { splitFrames } from './frame-stream.ts'
import { decodeFrontier, encodeFrontier, type Frontier } from './frontier.ts'
import {
  ENTRIES_PER_FRAME_MAX,
  FRAME_BYTES_MAX,
  SEALS_PER_FRAME_MAX,
  SYNC_REQUEST_BYTES_MAX,
} from './limits.ts'
import { WIRE_VERSION } from './protocol.ts'
import { decodeSeal, decodeSeals, encodeSeal, encodeSeals, type Seal, type Seals } from './seal.ts'
import type { Verify } from './signature.ts'
import { toHex } from './bytes.ts'

/**
 * "This is what I hold; send what I lack." The same bytes over a libp2p stream and over HTTP. The
 * checkpoint tells the other side what it lacks in turn; a caller that is no member sends none.
 */
export interface SyncRequest {
  lattice: string
  frontier: Frontier
  /** The ends of logs that the caller heeds. */
  seals: Seals
  checkpoint: SignedCheckpoint | null
}

/**
 * A part of the answer: first one `checkpoint`, then `seals` that the caller does not heed, then `entries`,
 * and `end` when nothing was cut off.
 */
export type SyncFrame =
  | { kind: 'checkpoint'; checkpoint: SignedCheckpoint }
  | { kind: 'seals'; seals: Seal[] }
  | { kind: 'entries'; entries: SignedEntry[] }
  | { kind: 'end'; entryCount: number }

/** What gossip carries: frames without an end. */
export type GossipMessage = Exclude<SyncFrame, { kind: 'end' }>

const FRAME_CHECKPOINT = 0
const FRAME_ENTRIES = 1
const FRAME_END = 2
const FRAME_SEALS = 3

export const encodeSyncRequest = (request: SyncRequest): Uint8Array =>
  encodePassing([
    WIRE_VERSION,
    Buffer.from(request.lattice, 'hex'),
    encodeFrontier(request.frontier),
    encodeSeals(request.seals),
    request.checkpoint === null ? null : [request.checkpoint.bytes, request.checkpoint.signature],
  ])

/** Throws `WireError`. */
export function decodeSyncRequest(bytes: Uint8Array, verify: Verify): SyncRequest {
  if (bytes.length > SYNC_REQUEST_BYTES_MAX)
    throw new WireError('too-large', `sync request of ${bytes.length} bytes`)
  const fields = asArray(decodeCanonical(bytes), 'sync request', 5)
  if (fields[0] !== WIRE_VERSION)
    throw new WireError('wrong-version', `sync version ${String(fields[0])}`)
  return {
    lattice: toHex(asBytes(fields[1], 'lattice', HASH_BYTES)),
    frontier: decodeFrontier(fields[2]),
    seals: decodeSeals(fields[3]),
    checkpoint: fields[4] === null ? null : checkpointOf(fields[4], verify),
  }
}

const checkpointOf = (value: Cbor | undefined, verify: Verify): SignedCheckpoint => {
  const [bytes, signature] = asArray(value, 'checkpoint', 2)
  return decodeCheckpoint(
    asBytes(bytes, 'checkpoint'),
    asBytes(signature, 'checkpoint signature'),
    verify,
  )
}

export function encodeFrame(frame: SyncFrame): Uint8Array {
  switch (frame.kind) {
    case 'checkpoint':
      return encodePassing([FRAME_CHECKPOINT, frame.checkpoint.bytes, frame.checkpoint.signature])
    case 'entries':
      return encodePassing([
        FRAME_ENTRIES,
        frame.entries.map((entry) => [entry.bytes, entry.signature]),
      ])
    case 'seals':
      return encodePassing([FRAME_SEALS, frame.seals.map(encodeSeal)])
    case 'end':
      return encodePassing([FRAME_END, frame.entryCount])
  }
}

/** Throws `WireError`. Entry signatures are not looked at: the receiver checks those it does not hold yet. */
export function decodeFrame(bytes: Uint8Array, verify: Verify): SyncFrame {
  if (bytes.length > FRAME_BYTES_MAX)
    throw new WireError('too-large', `frame of ${bytes.length} bytes`)
  const fields = asArray(decodeCanonical(bytes), 'frame')
  switch (fields[0]) {
    case FRAME_CHECKPOINT:
      return { kind: 'checkpoint', checkpoint: checkpointOf(fields.slice(1), verify) }
    case FRAME_ENTRIES: {
      const pairs = asArray(fields[1], 'entries')
      if (pairs.length > ENTRIES_PER_FRAME_MAX)
        throw new WireError('too-large', `frame of ${pairs.length} entries`)
      return { kind: 'entries', entries: pairs.map(entryOf) }
    }
    case FRAME_SEALS: {
      const seals = asArray(fields[1], 'seals')
      if (seals.length > SEALS_PER_FRAME_MAX)
        throw new WireError('too-large', `frame of ${seals.length} seals`)
      return { kind: 'seals', seals: seals.map((seal) => decodeSeal(seal, verify)) }
    }
    case FRAME_END:
      return { kind: 'end', entryCount: asUint(fields[1], 'entry count') }
    default:
      throw new WireError('malformed', `unknown frame ${String(fields[0])}`)
  }
}

function entryOf(pair: Cbor): SignedEntry {
  const [bytes, signature] = asArray(pair, 'entry', 2)
  return decodeEntry(asBytes(bytes, 'entry'), asBytes(signature, 'entry signature'))
}

/** A frame with its length in front (4 bytes, big-endian), as it stands in a stream. */
export function prefixed(frame: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(4 + frame.length)
  out.writeUInt32BE(frame.length)
  out.set(frame, 4)
  return out
}

/**
 * Frames of a stream of bytes, however it was cut into chunks. Throws `WireError`: `too-large` before
 * a large frame is buffered, `truncated` when the stream ends before its `end` frame.
 */
export async function* readFrames(
  chunks: AsyncIterable<Uint8Array>,
  verify: Verify,
): AsyncGenerator<SyncFrame> {
  let isEnded = false
  for await (const bytes of splitFrames(chunks)) {
    if (isEnded) throw new WireError('malformed', 'bytes after the end frame')
    const frame = decodeFrame(bytes, verify)
    isEnded = frame.kind === 'end'
    yield frame
  }
  if (!isEnded) throw new WireError('truncated', 'the answer was cut off')
}
