/** Bytes as lower-case hex and back, and their order. */

export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

/** The bytes of lower-case hex; null for anything else, odd lengths and upper case included. */
export function fromHex(text: string, bytesWanted?: number): Uint8Array | null {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) return null
  if (bytesWanted !== undefined && text.length !== bytesWanted * 2) return null
  return new Uint8Array(Buffer.from(text, 'hex'))
}

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
