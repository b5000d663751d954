import { OperatorError } from '../errors.ts'
import { CHUNK_BYTES_MAX, JSON_BYTES_MAX } from './limits.ts'

/**
 * The frames between the CLI and the agent on a host: length of the payload (u32, big endian), kind
 * (one byte), payload.
 */
export type Frame =
  | { kind: 'json'; text: string }
  /** A part of the stream that belongs to a request; an empty one ends it. */
  | { kind: 'bytes'; id: number; bytes: Uint8Array }
  /** A sign of life. */
  | { kind: 'beat' }

/** The other side does not speak as agreed. */
export class ProtocolError extends OperatorError {
  override readonly name = 'ProtocolError'

  constructor(problem: string, cause?: unknown) {
    super(
      'agent-protocol',
      `the host agent and this program do not understand each other: ${problem}`,
      {
        hint: 'something on the host may write to the channel; look at it with "aethel-lattice doctor"',
        cause,
      },
    )
  }
}

const HEAD_BYTES = 5
const ID_BYTES = 4
const kinds = { json: 1, bytes: 2, beat: 3 } as const
const bytesMax: ReadonlyMap<number, number> = new Map([
  [kinds.json, JSON_BYTES_MAX],
  [kinds.bytes, ID_BYTES + CHUNK_BYTES_MAX],
  [kinds.beat, 0],
])

/** @throws ProtocolError for a frame that the other side would refuse */
export function encodeFrame(frame: Frame): Buffer {
  const parts = payloadOf(frame)
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  check(kinds[frame.kind], length)
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32BE(length)
  head.writeUInt8(kinds[frame.kind], 4)
  return Buffer.concat([head, ...parts])
}

function payloadOf(frame: Frame): Uint8Array[] {
  switch (frame.kind) {
    case 'json':
      return [Buffer.from(frame.text)]
    case 'bytes': {
      const id = Buffer.alloc(ID_BYTES)
      id.writeUInt32BE(frame.id)
      return [id, frame.bytes]
    }
    case 'beat':
      return []
  }
}

/** Splits what arrives into frames, however it was cut. */
export class FrameDecoder {
  #chunks: Buffer[] = []
  #length = 0

  /** The frames that `chunk` completes. @throws ProtocolError before a large frame is buffered */
  push(chunk: Uint8Array): Frame[] {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
    this.#length += chunk.length
    const frames: Frame[] = []
    while (this.#length >= HEAD_BYTES) {
      const head = this.#peek(HEAD_BYTES)
      const length = head.readUInt32BE()
      const kind = head.readUInt8(4)
      check(kind, length)
      if (this.#length < HEAD_BYTES + length) break
      frames.push(decode(kind, this.#take(HEAD_BYTES + length).subarray(HEAD_BYTES)))
    }
    return frames
  }

  /** @throws ProtocolError when a frame was begun */
  end(): void {
    if (this.#length > 0) throw new ProtocolError('the channel ended within a frame')
  }

  #peek(bytes: number): Buffer {
    const [first] = this.#chunks
    return first !== undefined && first.length >= bytes ? first : this.#joined()
  }

  #take(bytes: number): Buffer {
    const all = this.#joined()
    this.#chunks = all.length === bytes ? [] : [all.subarray(bytes)]
    this.#length -= bytes
    return all.subarray(0, bytes)
  }

  #joined(): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks
    if (this.#chunks.length <= 1) return first
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}

function check(kind: number, length: number): void {
  const max = bytesMax.get(kind)
  if (max === undefined) throw new ProtocolError(`a frame of the unknown kind ${kind}`)
  if (length > max) throw new ProtocolError(`a frame of ${length} bytes, over ${max}`)
  if (kind === kinds.bytes && length < ID_BYTES) throw new ProtocolError('a part of no stream')
}

function decode(kind: number, payload: Buffer): Frame {
  if (kind === kinds.json) return { kind: 'json', text: payload.toString() }
  if (kind === kinds.beat) return { kind: 'beat' }
  return { kind: 'bytes', id: payload.readUInt32BE(), bytes: payload.subarray(ID_BYTES) }
}
