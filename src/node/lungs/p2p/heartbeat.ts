import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import { BEAT_PROTOCOL } from '../../../wire/protocol.ts'
import type { P2pTiming } from './contract.ts'
import { within } from './deadline.ts'
import { BEATS_UNSENT_MAX, STREAM_OPEN_TIMEOUT_MS } from './limits.ts'
import type { Link, Links } from './links.ts'

/**
 * One long-lived stream per connection, opened by the side that dialled, on which each side writes
 * one byte per interval: its beat's number, 0 to 127. The other side echoes it with the top bit set,
 * which gives the round trip. Any byte is proof of life. libp2p's own means notice a silent link
 * after 7 to 15 s, or kill healthy ones under load.
 */
export class Heartbeat {
  readonly #links: Links
  readonly #timing: P2pTiming
  readonly #nowMs: () => number
  readonly #signal: AbortSignal
  readonly #opening = new WeakSet<Link>()
  readonly #timer: NodeJS.Timeout

  /** Beats until `signal` aborts. */
  constructor(links: Links, timing: P2pTiming, nowMs: () => number, signal: AbortSignal) {
    this.#links = links
    this.#timing = timing
    this.#nowMs = nowMs
    this.#signal = signal
    this.#timer = setInterval(() => this.#beatAll(), this.#timing.beatIntervalMs)
    signal.addEventListener('abort', () => clearInterval(this.#timer), { once: true })
  }

  /** Starts to beat on a new link. */
  begin(link: Link): void {
    if (link.connection.direction === 'outbound' && !this.#opening.has(link)) void this.#open(link)
  }

  /** Takes the stream that the peer opened. */
  readonly accept = (stream: Stream, connection: Connection): void => {
    const link = this.#links.ofConnection(connection)
    if (link === undefined || connection.direction === 'outbound') {
      stream.abort(new Error('no link of ours'))
      return
    }
    this.#adopt(link, stream)
  }

  #beatAll(): void {
    for (const link of this.#links.all()) {
      if (link.beat === null) this.begin(link)
      else this.#send(link)
    }
  }

  async #open(link: Link): Promise<void> {
    this.#opening.add(link)
    try {
      const stream = await within(STREAM_OPEN_TIMEOUT_MS, this.#signal, (signal) =>
        link.connection.newStream([BEAT_PROTOCOL], { signal }),
      )
      this.#adopt(link, stream)
    } catch {
      // The next tick tries again; if the link is bad, its silence ends it.
    } finally {
      this.#opening.delete(link)
    }
  }

  #adopt(link: Link, stream: Stream): void {
    link.beat?.stream.abort(new Error('replaced by a newer heartbeat'))
    link.beat = { stream, number: 0, sentAtMs: this.#nowMs() }
    stream.addEventListener('message', (event) => this.#received(link, stream, event))
    stream.addEventListener('close', () => {
      if (link.beat?.stream === stream) link.beat = null
    })
    this.#send(link)
  }

  #send(link: Link): void {
    const { beat } = link
    if (beat === null || isStuck(beat.stream)) return
    beat.number = (beat.number + 1) % ECHO
    beat.sentAtMs = this.#nowMs()
    write(beat.stream, beat.number)
  }

  #received(link: Link, stream: Stream, event: StreamMessageEvent): void {
    this.#links.heard(link.peerId)
    let beat: number | undefined
    for (const byte of event.data.subarray()) {
      if (byte < ECHO) beat = byte
      else if (link.beat?.number === byte - ECHO) link.rttMs = this.#nowMs() - link.beat.sentAtMs
    }
    // Of several beats that piled up only the last is echoed: a peer cannot make us write more than it does.
    if (beat !== undefined && !isStuck(stream)) write(stream, beat + ECHO)
  }
}

const ECHO = 0x80

/** A link that takes no bytes must not pile beats up, to burst when it heals. */
const isStuck = (stream: Stream): boolean => stream.writeBufferLength >= BEATS_UNSENT_MAX

function write(stream: Stream, byte: number): void {
  try {
    stream.send(Uint8Array.of(byte))
  } catch {
    // The stream is closing; its close event follows.
  }
}
