import type { Connection, Stream } from '@libp2p/interface'
import { SYNC_REQUEST_BYTES_MAX } from '../../../wire/limits.ts'
import { SYNC_PROTOCOL } from '../../../wire/protocol.ts'
import type { P2pHandlers } from './contract.ts'
import { asError, within } from './deadline.ts'
import { P2pSyncError, reasonOf } from './errors.ts'
import { STREAM_OPEN_TIMEOUT_MS, SYNC_IDLE_TIMEOUT_MS } from './limits.ts'
import { readBytes, writeBytes, type StreamPatience } from './stream-bytes.ts'

/**
 * The asking side of one exchange: the request, a half-close, then the answer until the other side
 * half-closes. Throws `P2pSyncError`, or the reason of `signal`. A caller that stops early resets
 * the stream. `onBytes`: each time that something arrived; an answer that fills a slow link keeps
 * heartbeats waiting, and is itself the proof of life.
 */
export async function* requestSync(
  connection: Connection,
  request: Uint8Array,
  signal: AbortSignal,
  onBytes: () => void,
): AsyncGenerator<Uint8Array> {
  if (request.length > SYNC_REQUEST_BYTES_MAX) {
    throw new P2pSyncError(
      'request-too-large',
      `sync request of ${request.length} bytes, at most ${SYNC_REQUEST_BYTES_MAX}`,
    )
  }
  let stream: Stream | undefined
  let isComplete = false
  try {
    stream = await within(STREAM_OPEN_TIMEOUT_MS, signal, (deadline) =>
      connection.newStream([SYNC_PROTOCOL], { signal: deadline }),
    )
    const patience = { signal, idleTimeoutMs: SYNC_IDLE_TIMEOUT_MS, onBytes }
    await writeBytes(stream, request, patience)
    await halfClose(stream, patience)
    yield* readBytes(stream, patience)
    isComplete = true
  } catch (error) {
    signal.throwIfAborted()
    throw new P2pSyncError('broken', `sync stream broke: ${reasonOf(error)}`, { cause: error })
  } finally {
    if (!isComplete) stream?.abort(new Error('sync not completed'))
  }
}

/** The answering side: what `libp2p.handle` calls for each sync stream. `stopping` ends them all. */
export function answerSync(handlers: P2pHandlers, stopping: AbortSignal) {
  return async (stream: Stream, connection: Connection): Promise<void> => {
    const from = connection.remotePeer.toString()
    const ended = new AbortController()
    const end = (reason: unknown): void => ended.abort(asError(reason))
    const onStopping = (): void => end(stopping.reason)
    stopping.addEventListener('abort', onStopping, { once: true })
    stream.addEventListener('close', ({ error }) => end(error ?? 'stream closed'))
    const patience = { signal: ended.signal, idleTimeoutMs: SYNC_IDLE_TIMEOUT_MS }
    let isAnswered = false
    try {
      stopping.throwIfAborted()
      const request = await readRequest(stream, patience)
      await send(stream, handlers.onSync(request, from, ended.signal), patience)
      isAnswered = true
      await halfClose(stream, patience)
    } catch (error) {
      // The asker has all of it and closed its side before ours was.
      if (isAnswered && stream.status === 'closed') return
      stream.abort(asError(error))
      if (!stopping.aborted) {
        handlers.log.warn({ from, reason: reasonOf(error) }, '[LATTICE_P2P] sync answer broke off')
      }
    } finally {
      stopping.removeEventListener('abort', onStopping)
      end('answer ended')
    }
  }
}

async function readRequest(stream: Stream, patience: StreamPatience): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of readBytes(stream, patience)) {
    length += chunk.length
    if (length > SYNC_REQUEST_BYTES_MAX)
      throw new Error(`request over ${SYNC_REQUEST_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Like `for await`, but waits for the next chunk no longer than for the link. */
async function send(
  stream: Stream,
  chunks: AsyncIterable<Uint8Array>,
  patience: StreamPatience,
): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]()
  let isDone = false
  try {
    for (;;) {
      const next = await within(patience.idleTimeoutMs, patience.signal, () => iterator.next())
      isDone = next.done === true
      if (next.done === true) return
      await writeBytes(stream, next.value, patience)
    }
  } finally {
    // Not awaited: a generator that hangs would hang us too.
    if (!isDone) iterator.return?.().catch(() => undefined)
  }
}

const halfClose = (stream: Stream, { signal, idleTimeoutMs }: StreamPatience): Promise<void> =>
  within(idleTimeoutMs, signal, (deadline) => stream.close({ signal: deadline }))
