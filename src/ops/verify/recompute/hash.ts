import { hash } from 'node:crypto'

/** SHA-256 of the parts, one after the other. */
export const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  hash('sha256', parts.length === 1 ? (parts[0] ?? '') : Buffer.concat(parts), 'buffer')

/** What is hashed and signed for a purpose: `aethel/<purpose>/1`, a zero byte, the bytes. */
export const taggedFor = (
  purpose: 'entry' | 'checkpoint' | 'retirement',
  bytes: Uint8Array,
): Buffer => Buffer.concat([Buffer.from(`aethel/${purpose}/1\0`), bytes])

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
