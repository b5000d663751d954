import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { within } from './deadline.ts'
import { READ_AHEAD_BYTES_MAX, WRITE_AHEAD_BYTES_MAX } from './limits.ts'

export interface StreamPatience {
  signal: AbortSignal
  /** How long to wait for the next byte in or out. */
  idleTimeoutMs: number
  /** Something arrived. */
  onBytes?: () => void
}

/**
 * The bytes of a stream until its other end half-closes. Reads ahead only so far: the stream is
 * paused while the caller is slow, and so the sender. (libp2p's own iterator buffers without bound.)
 */
export async function* readBytes(
  stream: Stream,
  { signal, idleTimeoutMs, onBytes }: StreamPatience,
): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bufferedBytes = 0
  let isResuming = false
  let isEnded = stream.readableEnded
  let failure: Error | undefined
  let wake = Promise.withResolvers<void>()
  const pauseIfFull = (): void => {
    const isFull = bufferedBytes > READ_AHEAD_BYTES_MAX
    if (isFull && !isResuming && stream.readStatus === 'readable') stream.pause()
  }
  const resumeIfEmpty = (): void => {
    if (bufferedBytes > READ_AHEAD_BYTES_MAX / 2 || stream.readStatus !== 'paused') return
    // A pause from inside resume() is undone by the rest of it: yamux would open the window again.
    isResuming = true
    try {
      stream.resume()
    } catch {
      // The connection is gone and cannot be told; what it had delivered has been dispatched.
    }
    isResuming = false
    pauseIfFull()
  }
  const onMessage = ({ data }: StreamMessageEvent): void => {
    chunks.push(data.subarray())
    bufferedBytes += data.byteLength
    onBytes?.()
    pauseIfFull()
    wake.resolve()
  }
  const onEnd = (): void => {
    isEnded = true
    wake.resolve()
  }
  const onClose = ({ error }: StreamCloseEvent): void => {
    failure = error
    // A paused stream may close before it has delivered all; then 'end' follows.
    if (stream.readBufferLength === 0) isEnded = true
    wake.resolve()
  }
  stream.addEventListener('message', onMessage)
  stream.addEventListener('end', onEnd)
  stream.addEventListener('close', onClose)
  try {
    if (stream.status === 'reset' || stream.status === 'aborted')
      throw new Error('stream was reset')
    for (;;) {
      signal.throwIfAborted()
      const chunk = chunks.shift()
      if (chunk !== undefined) {
        bufferedBytes -= chunk.byteLength
        resumeIfEmpty()
        yield chunk
      } else if (failure !== undefined) throw failure
      else if (isEnded) return
      else {
        wake = Promise.withResolvers()
        resumeIfEmpty()
        if (chunks.length === 0) await within(idleTimeoutMs, signal, () => wake.promise)
      }
    }
  } finally {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('end', onEnd)
    stream.removeEventListener('close', onClose)
  }
}

/** Writes all of `bytes`, waiting whenever the link takes no more. */
export async function writeBytes(
  stream: Stream,
  bytes: Uint8Array,
  { signal, idleTimeoutMs }: StreamPatience,
): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += WRITE_AHEAD_BYTES_MAX) {
    signal.throwIfAborted()
    stream.send(bytes.subarray(offset, offset + WRITE_AHEAD_BYTES_MAX))
    // Not stream.onDrain(): its promise is made once and stays resolved after the first drain.
    while (stream.writeBufferLength > WRITE_AHEAD_BYTES_MAX) {
      await within(idleTimeoutMs, signal, (deadline) => untilProgress(stream, deadline))
    }
  }
}

function untilProgress(stream: Stream, signal: AbortSignal): Promise<void> {
  const progress = Promise.withResolvers<void>()
  const onProgress = (): void => progress.resolve()
  const onClose = ({ error }: StreamCloseEvent): void => {
    progress.reject(error ?? new Error('stream closed before all was written'))
  }
  const stopListening = (): void => {
    stream.removeEventListener('drain', onProgress)
    stream.removeEventListener('idle', onProgress)
    stream.removeEventListener('close', onClose)
    signal.removeEventListener('abort', stopListening)
  }
  stream.addEventListener('drain', onProgress)
  stream.addEventListener('idle', onProgress)
  stream.addEventListener('close', onClose)
  signal.addEventListener('abort', stopListening)
  return progress.promise.finally(stopListening)
}
