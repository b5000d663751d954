import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { FRAME_BYTES_MAX } from '../../../wire/limits.ts'
import type { P2pLog } from './contract.ts'
import { reasonOf } from './errors.ts'
import { GOSSIP_BATCH_MAX, GOSSIP_QUEUE_BYTES_MAX, GOSSIP_ROOM_POLL_MS } from './limits.ts'

interface Queued {
  bytes: Uint8Array
  resolve: (recipients: number) => void
}

/**
 * The way out for gossip. Gossipsub has no backpressure: it buffers all it is given and blocks the
 * loop meanwhile. So messages wait here in order while the peers' buffers are full, go out in
 * batches with a turn for timers and sockets between, and are dropped when too much waits.
 */
export class Outbox {
  readonly #send: (bytes: Uint8Array) => Promise<number>
  readonly #hasRoom: () => boolean
  readonly #log: P2pLog
  readonly #signal: AbortSignal
  #queue: Queued[] = []
  #queuedBytes = 0
  #isPumping = false
  #isDropping = false

  /** `send` hands one message over; `hasRoom` tells whether the peers' buffers take more. */
  constructor(
    send: (bytes: Uint8Array) => Promise<number>,
    hasRoom: () => boolean,
    log: P2pLog,
    signal: AbortSignal,
  ) {
    this.#send = send
    this.#hasRoom = hasRoom
    this.#log = log
    this.#signal = signal
  }

  publish(bytes: Uint8Array): Promise<number> {
    if (bytes.length > FRAME_BYTES_MAX) {
      this.#log.warn(
        { bytes: bytes.length, max: FRAME_BYTES_MAX },
        '[LATTICE_P2P] gossip too large',
      )
      return Promise.resolve(0)
    }
    if (this.#queuedBytes + bytes.length > GOSSIP_QUEUE_BYTES_MAX) {
      this.#setDropping(true)
      return Promise.resolve(0)
    }
    return new Promise((resolve) => {
      this.#queue.push({ bytes, resolve })
      this.#queuedBytes += bytes.length
      if (!this.#isPumping) void this.#pump()
    })
  }

  async #pump(): Promise<void> {
    this.#isPumping = true
    while (this.#queue.length > 0) {
      if (this.#signal.aborted) {
        for (const { resolve } of this.#queue.splice(0)) resolve(0)
        this.#queuedBytes = 0
        break
      }
      if (!this.#hasRoom()) {
        await sleep(GOSSIP_ROOM_POLL_MS)
        continue
      }
      const batch = this.#queue.splice(0, GOSSIP_BATCH_MAX)
      await Promise.all(batch.map((message) => this.#handOver(message)))
      if (this.#queue.length === 0) this.#setDropping(false)
      else await setImmediate()
    }
    this.#isPumping = false
  }

  async #handOver({ bytes, resolve }: Queued): Promise<void> {
    this.#queuedBytes -= bytes.length
    try {
      resolve(await this.#send(bytes))
    } catch (error) {
      this.#log.warn({ reason: reasonOf(error) }, '[LATTICE_P2P] gossip not sent')
      resolve(0)
    }
  }

  #setDropping(isDropping: boolean): void {
    if (isDropping === this.#isDropping) return
    this.#isDropping = isDropping
    if (isDropping)
      this.#log.warn({}, '[LATTICE_P2P] gossip overloaded: dropping, sync will repair')
    else this.#log.info({}, '[LATTICE_P2P] gossip caught up')
  }
}
