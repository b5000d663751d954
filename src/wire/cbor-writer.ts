/** A value of the data model that is signed: no floats, no maps, no undefined, no tags. */
export type Cbor = number | string | boolean | null | Uint8Array | readonly Cbor[]

/** Bytes of the longest encoding that is written here: many entries in one frame. */
const SCRATCH_BYTES = 128 * 1024

// Memory for one encoding at a time: it is overwritten by the next.
const scratch = Buffer.alloc(SCRATCH_BYTES)

/** Longer encodings get memory of their own. */
const PIECE_BYTES_MAX = 1024

/** What an item begins with: the type in the upper three bits. */
const UINT = 0x00
const BYTES = 0x40
const TEXT = 0x60
const ARRAY = 0x80
const FALSE = 0xf4
const TRUE = 0xf5
const NULL = 0xf6

/** A head is up to nine bytes long. */
const HEAD_BYTES_MAX = 9
/** Nothing more is written. */
const NO_WAY = -1

/**
 * The canonical encoding of what nearly every value is made of: whole numbers from 0, bytes, plain ASCII,
 * booleans, null, and arrays of these. Null for any other value, and for a very long encoding. It holds
 * until the next one is written.
 */
export function writtenCbor(value: Cbor): Uint8Array | null {
  const end = write(value, 0)
  return end === NO_WAY ? null : scratch.subarray(0, end)
}

/**
 * Copies that stay as they are. Short ones are pieces of one slab after the other: memory of its own costs
 * each more than all the rest of it. The last piece that somebody keeps keeps its whole slab.
 */
class Slabs {
  readonly #bytes: number
  #slab = new ArrayBuffer(0)
  #used = 0

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  keep(written: Uint8Array): Uint8Array {
    const { length } = written
    if (length > PIECE_BYTES_MAX) return new Uint8Array(written)
    if (this.#used + length > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(this.#bytes)
      this.#used = 0
    }
    const piece = new Uint8Array(this.#slab, this.#used, length)
    this.#used += length
    piece.set(written)
    return piece
  }
}

/** For what may be kept for long, and apart from what is not: slabs are small. */
export const lasting = new Slabs(4096)
/** For what is sent and forgotten: a third of the time, since slabs are few. */
export const passing = new Slabs(16_384)

/** Returns where it ends. */
function write(value: Cbor, at: number): number {
  if (at > SCRATCH_BYTES - HEAD_BYTES_MAX) return NO_WAY
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= 0 ? writeHead(UINT, value, at) : NO_WAY
  if (typeof value === 'string') return writeText(value, at)
  if (value instanceof Uint8Array) return writeBytes(value, at)
  if (Array.isArray(value)) return writeArray(value as readonly Cbor[], at)
  if (value === null) return writeByte(NULL, at)
  if (typeof value === 'boolean') return writeByte(value ? TRUE : FALSE, at)
  return NO_WAY
}

function writeByte(byte: number, at: number): number {
  scratch[at] = byte
  return at + 1
}

/** The shortest head there is for this count. */
function writeHead(type: number, count: number, at: number): number {
  if (count < 24) return writeByte(type | count, at)
  if (count < 0x100) {
    scratch[at] = type | 24
    return scratch.writeUInt8(count, at + 1)
  }
  if (count < 0x1_0000) {
    scratch[at] = type | 25
    return scratch.writeUInt16BE(count, at + 1)
  }
  if (count < 0x1_0000_0000) {
    scratch[at] = type | 26
    return scratch.writeUInt32BE(count, at + 1)
  }
  scratch[at] = type | 27
  scratch.writeUInt32BE(Math.floor(count / 0x1_0000_0000), at + 1)
  return scratch.writeUInt32BE(count >>> 0, at + 5)
}

function writeBytes(bytes: Uint8Array, at: number): number {
  const begin = writeHead(BYTES, bytes.length, at)
  if (begin + bytes.length > SCRATCH_BYTES) return NO_WAY
  scratch.set(bytes, begin)
  return begin + bytes.length
}

function writeText(text: string, at: number): number {
  const begin = writeHead(TEXT, text.length, at)
  if (begin + text.length > SCRATCH_BYTES) return NO_WAY
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return NO_WAY
    scratch[begin + index] = code
  }
  return begin + text.length
}

function writeArray(items: readonly Cbor[], at: number): number {
  let end = writeHead(ARRAY, items.length, at)
  for (const item of items) {
    end = write(item, end)
    if (end === NO_WAY) return NO_WAY
  }
  return end
}
