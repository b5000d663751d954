import { OperatorError } from '../errors.ts'
import { EVENTS_WAITING_MAX } from './limits.ts'

/** What one side puts in and another takes out, in order and with a bound. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = []
  #end: { error?: unknown } | null = null
  #wake: (() => void) | null = null

  /** One put in over the bound ends the queue with an error, after those that wait. */
  put(item: T): void {
    if (this.#end !== null) return
    if (this.#waiting.length < EVENTS_WAITING_MAX) this.#waiting.push(item)
    else
      this.end({
        error: new OperatorError('too-slow', 'more arrives than is read', { hint: 'ask for less' }),
      })
    this.#wake?.()
  }

  /** Nothing more comes; with an error, that is thrown once all that wait are taken. Idempotent. */
  end(end: { error?: unknown } = {}): void {
    this.#end ??= end
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const [item] = this.#waiting
      if (item !== undefined) {
        this.#waiting.shift()
        yield item
      } else if (this.#end !== null) {
        if ('error' in this.#end) throw this.#end.error
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = null
      }
    }
  }
}
