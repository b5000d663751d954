import { authorKey } from '../wire/author.ts'
import type { SignedEntry } from '../wire/entry.ts'
import { tags, verifySignature, verifySignatureAside, type Verify } from '../wire/signature.ts'

/**
 * Checks the signatures of many entries on other threads before the core sees them, and remembers for as
 * long as they live which were sound. So the core asks as ever, and catching up does not hold up the rest.
 */
export class SignatureCheck {
  /** Bytes → the signature that was found to be its author's; the author is in the bytes. */
  readonly #sound = new WeakMap<Uint8Array, Uint8Array>()

  /** For the core. */
  readonly verify: Verify = (publicKey, tag, bytes, signature) =>
    this.#sound.get(bytes) === signature || verifySignature(publicKey, tag, bytes, signature)

  /** Resolves when all were looked at; says nothing about what was found. */
  async lookAt(entries: readonly SignedEntry[]): Promise<void> {
    await Promise.all(entries.map((signed) => this.#lookAt(signed)))
  }

  async #lookAt({ entry, bytes, signature }: SignedEntry): Promise<void> {
    const publicKey = authorKey(entry.author)
    if (publicKey === null) return
    const isSound = await verifySignatureAside(publicKey, tags.entry, bytes, signature)
    if (isSound) this.#sound.set(bytes, signature)
  }
}
