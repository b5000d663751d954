import { WireError } from './cbor.ts'
import { FRAME_BYTES_MAX } from './limits.ts'

/**
 * The frames of a stream, each without its length, however the stream was cut into chunks. Throws
 * `WireError`: `too-large` before a large frame is buffered, `truncated` when the stream ends within one.
 */
export async function* splitFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let buffered = Buffer.alloc(0)
  for await (const chunk of chunks) {
    buffered = buffered.length === 0 ? Buffer.from(chunk) : Buffer.concat([buffered, chunk])
    let offset = 0
    while (buffered.length - offset >= 4) {
      const length = buffered.readUInt32BE(offset)
      if (length > FRAME_BYTES_MAX) throw new WireError('too-large', `frame of ${length} bytes`)
      if (buffered.length - offset - 4 < length) break
      yield buffered.subarray(offset + 4, offset + 4 + length)
      offset += 4 + length
    }
    buffered = buffered.subarray(offset)
  }
  if (buffered.length > 0) throw new WireError('truncated', 'the stream ends within a frame')
}
