import { UNREAD_BYTES_MAX } from './limits.ts'

/** The bytes of one request's stream on their way to the act that reads them. */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = []
  #unread = 0
  #isEnded = false
  #isAbandoned = false
  #changed: (() => void)[] = []

  /** Resolves when there is room for more. An empty chunk ends the stream. */
  async put(chunk: Uint8Array): Promise<void> {
    if (this.#isAbandoned) return
    if (chunk.length === 0) this.#isEnded = true
    else this.#chunks.push(chunk)
    this.#unread += chunk.length
    this.#tell()
    while (this.#unread > UNREAD_BYTES_MAX && !this.#isAbandoned) await this.#change()
  }

  /** Nobody reads any more; what is put in is dropped. */
  abandon(): void {
    this.#isAbandoned = true
    this.#tell()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        this.#unread -= chunk.length
        this.#tell()
        yield chunk
      } else if (this.#isEnded || this.#isAbandoned) return
      else await this.#change()
    }
  }

  async #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed.push(resolve)
    })
  }

  #tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve()
  }
}
