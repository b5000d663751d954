import {
  StreamCloseEvent,
  TypedEventEmitter,
  type MessageStreamEvents,
  type Stream,
} from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import * as fc from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { WRITE_AHEAD_BYTES_MAX } from './limits.ts'
import { readBytes, writeBytes } from './stream-bytes.ts'

/** A stream that keeps what it is given. */
class FullStream extends TypedEventEmitter<MessageStreamEvents> {
  writeBufferLength = 0

  send(bytes: Uint8Array): boolean {
    this.writeBufferLength += bytes.length
    return false
  }
}

const patience = { signal: new AbortController().signal, idleTimeoutMs: 60 }

async function collect(stream: Stream, options = patience): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readBytes(stream, options)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('bytes over a stream', () => {
  test('arrive whole and in order, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 8 }),
        async (parts) => {
          const [near, far] = await streamPair()
          const received = collect(far)
          for (const part of parts) await writeBytes(near, part, patience)
          await near.close()
          expect(await received).toEqual(Buffer.concat(parts))
        },
      ),
      { numRuns: 30 },
    )
  })

  test('that arrived before anyone read them are not lost', async () => {
    const [near, far] = await streamPair()
    await writeBytes(near, Buffer.from('early'), patience)
    await near.close()
    await sleep(20)
    expect(String(await collect(far))).toBe('early')
  })

  test('wait for a link that is full, as long as it moves', async () => {
    const full = new FullStream()
    const writing = writeBytes(
      full as unknown as Stream,
      Buffer.alloc(WRITE_AHEAD_BYTES_MAX * 2),
      patience,
    )
    for (let i = 0; i < 4; i += 1) {
      await sleep(40)
      full.writeBufferLength -= 1
      full.dispatchEvent(new Event('drain'))
    }
    expect(full.writeBufferLength).toBeGreaterThan(WRITE_AHEAD_BYTES_MAX)
    await expect(writing).rejects.toThrow('no answer within 60 ms')
    const drained = writeBytes(full as unknown as Stream, Buffer.alloc(1), patience)
    full.writeBufferLength = 0
    full.dispatchEvent(new Event('idle'))
    await drained
    full.writeBufferLength = WRITE_AHEAD_BYTES_MAX
    const closed = writeBytes(full as unknown as Stream, Buffer.alloc(1), patience)
    full.dispatchEvent(new StreamCloseEvent())
    await expect(closed).rejects.toThrow('closed before all was written')
  })

  test('that do not come end the wait, and so do an abort and a reset', async () => {
    const [, idle] = await streamPair()
    await expect(collect(idle)).rejects.toThrow('no answer within 60 ms')
    const [, left] = await streamPair()
    const abort = new AbortController()
    setTimeout(() => abort.abort(new Error('left')), 10)
    await expect(collect(left, { ...patience, signal: abort.signal })).rejects.toThrow('left')
    const [near, reset] = await streamPair()
    setTimeout(() => near.abort(new Error('reset')), 10)
    await expect(collect(reset)).rejects.toThrow(/reset/)
    await expect(collect(reset)).rejects.toThrow('stream was reset')
    await expect(writeBytes(near, Buffer.from('x'), patience)).rejects.toThrow('Cannot write')
  })
})
