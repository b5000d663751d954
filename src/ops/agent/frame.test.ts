import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameDecoder, type Frame } from './frame.ts'
import { CHUNK_BYTES_MAX, JSON_BYTES_MAX } from './limits.ts'

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.constant('json' as const), text: fc.string({ unit: 'grapheme' }) }),
  fc.record({
    kind: fc.constant('bytes' as const),
    id: fc.integer({ min: 0, max: 0xff_ff_ff_ff }),
    bytes: fc.uint8Array({ maxLength: 200 }),
  }),
  fc.constant({ kind: 'beat' as const }),
)

const plain = (found: Frame): Frame =>
  found.kind === 'bytes' ? { ...found, bytes: Uint8Array.from(found.bytes) } : found

/** What arrives, cut at these places. */
function* cutInto(all: Buffer, cuts: readonly number[]): Generator<Buffer> {
  const places = [0, ...cuts.map((cut) => cut % (all.length + 1)), all.length].toSorted(
    (a, b) => a - b,
  )
  for (const [index, place] of places.entries()) yield all.subarray(place, places[index + 1])
}

const head = (length: number, kind: number): Buffer => {
  const bytes = Buffer.alloc(5)
  bytes.writeUInt32BE(length)
  bytes.writeUInt8(kind, 4)
  return bytes
}

describe('frames', () => {
  it('arrive as they were sent, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat()), (frames, cuts) => {
        const decoder = new FrameDecoder()
        const all = Buffer.concat(frames.map(encodeFrame))
        const found = [...cutInto(all, cuts)].flatMap((chunk) => decoder.push(chunk))
        decoder.end()
        expect(found.map(plain)).toEqual(frames)
      }),
    )
  })

  it('that the stream ends within are refused', () => {
    fc.assert(
      fc.property(frame, fc.nat(), (sent, at) => {
        const bytes = encodeFrame(sent)
        const decoder = new FrameDecoder()
        decoder.push(bytes.subarray(0, 1 + (at % (bytes.length - 1))))
        expect(() => decoder.end()).toThrow('within a frame')
      }),
    )
  })

  it.each([
    ['of an unknown kind', head(0, 0)],
    ['of text, too large', head(JSON_BYTES_MAX + 1, 1)],
    ['of a stream, too large', head(4 + CHUNK_BYTES_MAX + 1, 2)],
    ['of no stream', head(3, 2)],
    ['of life, with more in it', head(1, 3)],
    ['that are words of a shell', Buffer.from('bash: node: not found\n')],
  ])('%s are refused by their head alone', (_what, bytes) => {
    expect(() => new FrameDecoder().push(bytes)).toThrow(
      expect.objectContaining({ code: 'agent-protocol' }),
    )
  })

  it('too large are not sent', () => {
    const bytes = new Uint8Array(CHUNK_BYTES_MAX + 1)
    expect(() => encodeFrame({ kind: 'bytes', id: 1, bytes })).toThrow('over')
  })
})
