import type { Verify } from '../../src/wire/signature.ts'
import type { SyncFrame } from '../../src/wire/sync.ts'
import type { Release } from './release.ts'

/** One frame on its way to many. It becomes bytes, and these a frame again, once for all that do the same with them. */
export class Message {
  /** By node: the process that has seen it. */
  readonly seenBy: number[] = []
  readonly #made = new Map<Release, SyncFrame | Error>()
  #encode: () => Uint8Array
  #bytes: Uint8Array | null = null
  #isWorsened = false

  private constructor(encode: () => Uint8Array) {
    this.#encode = encode
  }

  /** `isWorsened`: by a liar, who does not lie about a lie. */
  static ofBytes(bytes: Uint8Array, isWorsened = false): Message {
    const message = new Message(() => bytes)
    message.#isWorsened = isWorsened
    return message
  }

  /** `isHandedOver`: to a receiver of the same release as it is; hours of calm do not try the encoding. */
  static of(frame: SyncFrame, sender: Release, isHandedOver: boolean): Message {
    const message = new Message(() => sender.encodeFrame(frame))
    if (isHandedOver) message.#made.set(sender, frame)
    return message
  }

  get isWorsened(): boolean {
    return this.#isWorsened
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= this.#encode())
  }

  /** Throws what the receiver's release finds wrong with it. */
  read(receiver: Release, verify: Verify): SyncFrame {
    let made = this.#made.get(receiver)
    if (made === undefined) {
      made = decoded(this.bytes, receiver, verify)
      this.#made.set(receiver, made)
    }
    if (made instanceof Error) throw made
    return made
  }
}

function decoded(bytes: Uint8Array, { decodeFrame }: Release, verify: Verify): SyncFrame | Error {
  try {
    return decodeFrame(bytes, verify)
  } catch (error) {
    return error as Error
  }
}
