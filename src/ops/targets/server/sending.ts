import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import type { Exchange } from '../../agent/session.ts'
import type { Manifest } from '../../../wire/manifest.ts'
import { readFileOf } from '../../release/artifact.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

type ListedFile = Manifest['files'][number]

/** What of a release is looked at here. */
export interface SentRelease {
  /** Absolute path of the folder. */
  dir: string
  manifest: Pick<Manifest, 'files'>
}

/** Sends what the host lacks, as soon as it tells; returns when that is sent, or nothing is lacking. */
export async function sendMissing(
  { events, send }: Pick<Exchange<'stage'>, 'events' | 'send'>,
  release: SentRelease,
): Promise<void> {
  for await (const { missing } of events) await send(framesOf(release, missing))
}

/** What hosts lack of a release is mostly the same: it is read once for all of them. */
const frames = new WeakMap<SentRelease, Map<string, Promise<Buffer>>>()

/** Each content as a zstd frame; one after the other they are a zstd stream, too. */
async function* framesOf(
  release: SentRelease,
  missing: readonly string[],
): AsyncGenerator<Uint8Array> {
  const known = frames.get(release) ?? new Map<string, Promise<Buffer>>()
  frames.set(release, known)
  const files = new Map(release.manifest.files.map((file) => [file.sha256, file]))
  for (const sha256 of missing) {
    const file = files.get(sha256)
    if (file === undefined) continue
    const frame = known.get(sha256) ?? frameOf(release, file)
    known.set(sha256, frame)
    frame.catch(() => known.delete(sha256))
    yield await frame
  }
}

/** As the build packed it; what it did not, or not whole, is packed here. */
async function frameOf({ dir }: SentRelease, file: ListedFile): Promise<Buffer> {
  const packed = await readFile(join(dirname(dir), 'packed', `${file.sha256}.zst`)).catch(
    () => null,
  )
  if (packed !== null && (await isPacked(packed, file))) return packed
  return compress(await readFileOf(dir, file))
}

async function isPacked(packed: Buffer, { bytes, sha256 }: ListedFile): Promise<boolean> {
  try {
    const content = await decompress(packed, { maxOutputLength: bytes + 1 })
    return hash('sha256', content) === sha256
  } catch {
    return false
  }
}
