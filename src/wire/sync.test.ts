import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frontier, hexOf, intent, seals } from '../../test/simulation/arbitraries.ts'
import { chainOf, keyOf, makeLattice } from '../../test/simulation/members.ts'
import { equalBytes } from './bytes.ts'
import { encodeCanonical, WireError, type Cbor } from './cbor.ts'
import { signCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import type { SignedEntry } from './entry.ts'
import { EMPTY_FRONTIER } from './frontier.ts'
import type { Intent } from './intent.ts'
import { ENTRIES_PER_FRAME_MAX, FRAME_BYTES_MAX, SYNC_REQUEST_BYTES_MAX } from './limits.ts'
import { NO_SEALS } from './seal.ts'
import type { Verify } from './signature.ts'
import {
  decodeFrame,
  decodeSyncRequest,
  encodeFrame,
  encodeSyncRequest,
  prefixed,
  readFrames,
  type SyncFrame,
} from './sync.ts'

// A Buffer and a Uint8Array with the same bytes are the same here.
expect.addEqualityTesters([
  (a, b) => (a instanceof Uint8Array && b instanceof Uint8Array ? equalBytes(a, b) : undefined),
])

// The fake signer keeps thousands of decodings cheap; one test below uses real keys.
const lattice = makeLattice(2)

const entriesOf = (intents: readonly Intent[]): SignedEntry[] =>
  chainOf(
    lattice,
    0,
    intents.map((one, index) => [index + 1, one] as const),
  )

const checkpoint: fc.Arbitrary<SignedCheckpoint> = fc
  .record({ frontier, seals, root: hexOf(32), stateRoot: hexOf(32), clockFloor: fc.maxSafeNat() })
  .map((fields) =>
    signCheckpoint(
      {
        ...fields,
        lattice: lattice.id,
        publicKey: keyOf(lattice, 0).publicKey,
        incarnation: '0011223344556677',
        wallMs: 5,
      },
      keyOf(lattice, 0).sign,
    ),
  )

const frame: fc.Arbitrary<SyncFrame> = fc.oneof(
  checkpoint.map((one) => ({ kind: 'checkpoint' as const, checkpoint: one })),
  fc
    .array(intent, { maxLength: 6 })
    .map((intents) => ({ kind: 'entries' as const, entries: entriesOf(intents) })),
)
const answer = fc
  .tuple(fc.array(frame, { maxLength: 6 }), fc.nat())
  .map(([frames, entryCount]): SyncFrame[] => [...frames, { kind: 'end', entryCount }])

const streamOf = (frames: readonly SyncFrame[]): Buffer =>
  Buffer.concat(frames.map((one) => prefixed(encodeFrame(one))))

/** Cuts bytes into chunks of these sizes, over and over; the last may be shorter. */
async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1)
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function read(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ frames: SyncFrame[]; refusal: string | null }> {
  const frames: SyncFrame[] = []
  try {
    for await (const one of readFrames(chunks, lattice.verify)) frames.push(one)
    return { frames, refusal: null }
  } catch (error) {
    if (error instanceof WireError) return { frames, refusal: error.code }
    throw error
  }
}

const readBytes = (bytes: Uint8Array): ReturnType<typeof read> => read(chunksOf(bytes, [1 << 20]))

describe('sync requests', () => {
  it('round trip', () => {
    fc.assert(
      fc.property(hexOf(32), frontier, seals, fc.option(checkpoint), (id, held, ends, promise) => {
        const request = { lattice: id, frontier: held, seals: ends, checkpoint: promise }
        expect(decodeSyncRequest(encodeSyncRequest(request), lattice.verify)).toEqual(request)
      }),
    )
  })

  it('are refused with a forged checkpoint', () => {
    const [promise] = fc.sample(checkpoint, 1) as [SignedCheckpoint]
    const forged = { ...promise, signature: new Uint8Array(64) }
    const bytes = encodeSyncRequest({
      lattice: lattice.id,
      frontier: EMPTY_FRONTIER,
      seals: NO_SEALS,
      checkpoint: forged,
    })
    expect(() => decodeSyncRequest(bytes, lattice.verify)).toThrow(
      expect.objectContaining({ code: 'bad-signature' }),
    )
  })

  const id = Buffer.from(lattice.id, 'hex')
  const refused: [string, Uint8Array, string][] = [
    ['too large', new Uint8Array(SYNC_REQUEST_BYTES_MAX + 1), 'too-large'],
    ['empty', new Uint8Array(), 'malformed'],
    ['another version', encodeCanonical([2, id, [], [], null]), 'wrong-version'],
    ['a field more', encodeCanonical([1, id, [], [], null, 0]), 'malformed'],
    ['a lattice of 3 bytes', encodeCanonical([1, new Uint8Array(3), [], [], null]), 'malformed'],
    ['no frontier', encodeCanonical([1, id, null, [], null]), 'malformed'],
    ['no seals', encodeCanonical([1, id, [], null, null]), 'malformed'],
    ['half a checkpoint', encodeCanonical([1, id, [], [], [new Uint8Array()]]), 'malformed'],
    ['HTML', Buffer.from('<!doctype html><title>502</title>'), 'malformed'],
    ['JSON', Buffer.from('{"frontier":{}}'), 'malformed'],
  ]
  it.each(refused)('are refused: %s', (_name, bytes, code) => {
    expect(() => decodeSyncRequest(bytes, lattice.verify)).toThrow(
      expect.objectContaining({ name: 'WireError', code }),
    )
  })
})

/** The entries of a frame; none when it is refused. */
function entriesIn(bytes: Uint8Array, verify: Verify): SignedEntry[] {
  try {
    const decoded = decodeFrame(bytes, verify)
    return decoded.kind === 'entries' ? decoded.entries : []
  } catch (error) {
    if (error instanceof WireError) return []
    throw error
  }
}

describe('frames', () => {
  it('round trip', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          frame,
          fc.nat().map((n) => ({ kind: 'end' as const, entryCount: n })),
        ),
        (one) => {
          expect(decodeFrame(encodeFrame(one), lattice.verify)).toEqual(one)
        },
      ),
    )
  })

  it('hold as many entries as the limit says, and are then within the limit of bytes', () => {
    const full: Intent[] = Array.from({ length: ENTRIES_PER_FRAME_MAX }, () => ({
      kind: 'transfer',
      from: '𝒜'.repeat(31),
      to: '𝒷'.repeat(31),
      amount: 1_000_000_000_000_000,
    }))
    const bytes = encodeFrame({ kind: 'entries', entries: entriesOf(full) })
    expect(bytes.length).toBeLessThanOrEqual(FRAME_BYTES_MAX)
    expect(decodeFrame(bytes, lattice.verify)).toMatchObject({ kind: 'entries' })
    const over = encodeFrame({
      kind: 'entries',
      entries: entriesOf([...full, ...full.slice(0, 1)]),
    })
    expect(() => decodeFrame(over, lattice.verify)).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    )
  })

  const refused: [string, Cbor, string][] = [
    ['no array', 0, 'malformed'],
    ['an empty array', [], 'malformed'],
    ['an unknown kind', [3, 0], 'malformed'],
    ['entries that are none', [1, 7], 'malformed'],
    ['an entry without a signature', [1, [[new Uint8Array(3)]]], 'malformed'],
    ['an entry of text', [1, [['entry', new Uint8Array(64)]]], 'malformed'],
    ['an end of text', [2, 'all'], 'malformed'],
    ['an end of nothing', [2], 'malformed'],
    ['a checkpoint without a signature', [0, new Uint8Array(9)], 'malformed'],
  ]
  it.each(refused)('are refused: %s', (_name, value, code) => {
    expect(() => decodeFrame(encodeCanonical(value), lattice.verify)).toThrow(
      expect.objectContaining({ name: 'WireError', code }),
    )
  })

  it('are refused when they are too large, before they are read', () => {
    expect(() => decodeFrame(new Uint8Array(FRAME_BYTES_MAX + 1), lattice.verify)).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    )
  })

  it('after any change of one bit are refused, or hold something that was not signed', () => {
    const real = makeLattice(1, { isReal: true })
    const [signed] = chainOf(real, 0, [[1, { kind: 'noop', note: 'x' }]]) as [SignedEntry]
    const bytes = encodeFrame({ kind: 'entries', entries: [signed] })
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = new Uint8Array(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const isSame = entriesIn(changed, real.verify).some(
        (one) => one.id === signed.id && equalBytes(one.signature, signed.signature),
      )
      expect(isSame, `bit ${bit}`).toBe(false)
    }
  })
})

describe('a stream of frames', () => {
  it('is read the same however it is cut into chunks', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(answer, sizes, async (frames, cuts) => {
        expect(await read(chunksOf(streamOf(frames), cuts))).toEqual({ frames, refusal: null })
      }),
      { numRuns: 60 },
    )
  })

  it('is read byte by byte, and with empty chunks between', async () => {
    const [frames] = fc.sample(answer, { numRuns: 1, seed: 3 }) as [SyncFrame[]]
    const bytes = streamOf(frames)
    expect(await read(chunksOf(bytes, [1]))).toEqual({ frames, refusal: null })
    async function* withEmpty(): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunksOf(bytes, [100])) {
        yield new Uint8Array()
        yield chunk
      }
      yield new Uint8Array()
    }
    expect(await read(withEmpty())).toEqual({ frames, refusal: null })
  })

  it('that is cut off anywhere gives whole frames only, and is refused', async () => {
    await fc.assert(
      fc.asyncProperty(answer, fc.nat(), async (frames, at) => {
        const bytes = streamOf(frames)
        const cut = await readBytes(bytes.subarray(0, at % bytes.length))
        expect(cut.refusal).toBe('truncated')
        expect(frames.slice(0, cut.frames.length)).toEqual(cut.frames)
        expect(cut.frames.length).toBeLessThan(frames.length)
      }),
      { numRuns: 60 },
    )
  })

  const end = prefixed(encodeFrame({ kind: 'end', entryCount: 0 }))
  it.each([
    ['a byte', Buffer.of(0), 'truncated'],
    ['a length', Buffer.of(0, 0, 0, 9), 'truncated'],
    ['another end', end, 'malformed'],
    ['another frame', prefixed(encodeFrame({ kind: 'entries', entries: [] })), 'malformed'],
  ])('with %s after its end is refused', async (_name, trailing, code) => {
    expect((await readBytes(Buffer.concat([end, trailing]))).refusal).toBe(code)
    expect((await read(chunksOf(Buffer.concat([end, trailing]), [end.length]))).refusal).toBe(code)
  })

  it('is refused at the length of a frame that is too large, before its bytes come', async () => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(FRAME_BYTES_MAX + 1)
    let isAsked = false
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield length
      isAsked = true
      yield new Uint8Array(1)
    }
    expect((await read(endless())).refusal).toBe('too-large')
    expect(isAsked).toBe(false)
  })

  it('that is empty, HTML or JSON is refused', async () => {
    expect((await readBytes(Buffer.alloc(0))).refusal).toBe('truncated')
    expect((await readBytes(Buffer.from('<!doctype html>'))).refusal).toBe('too-large')
    expect((await readBytes(Buffer.from('{"success":true}'))).refusal).toBe('too-large')
    expect((await readBytes(Buffer.of(0, 0, 0, 0))).refusal).toBe('malformed')
  })

  it('closes its source when the reader stops early', async () => {
    let isClosed = false
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield prefixed(encodeFrame({ kind: 'entries', entries: [] }))
        yield end
      } finally {
        isClosed = true
      }
    }
    for await (const one of readFrames(source(), lattice.verify)) {
      expect(one.kind).toBe('entries')
      break
    }
    expect(isClosed).toBe(true)
  })
})
