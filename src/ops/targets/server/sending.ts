import { Readable } from 'node:stream'
import { constants, createZstdCompress } from 'node:zlib'
import type { Exchange } from '../../agent/session.ts'
import type { Manifest } from '../../../wire/manifest.ts'
import { readFileOf } from '../../release/artifact.ts'

/** The last level that takes a few milliseconds more than the default, for 8 % less to send. */
const ZSTD_LEVEL = 6

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
  for await (const { missing } of events) await send(parcelOf(release, missing))
}

/** What hosts lack of a release is mostly the same: it is read and compressed once for all of them. */
const parcels = new WeakMap<SentRelease, Map<string, Parcel>>()

function parcelOf(release: SentRelease, missing: readonly string[]): AsyncIterable<Uint8Array> {
  const ofRelease = parcels.get(release) ?? new Map<string, Parcel>()
  parcels.set(release, ofRelease)
  const key = missing.join(' ')
  const parcel = ofRelease.get(key) ?? new Parcel(compressed(contentsOf(release, missing)))
  ofRelease.set(key, parcel)
  return parcel
}

/** A stream that can be read by many, at their own pace; what was read of it is kept. */
class Parcel implements AsyncIterable<Uint8Array> {
  readonly #chunks: Promise<IteratorResult<Uint8Array, void>>[] = []
  readonly #source: AsyncIterator<Uint8Array, void>

  constructor(source: AsyncGenerator<Uint8Array, void>) {
    this.#source = source
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; at++) {
      const chunk = await (this.#chunks[at] ??= this.#source.next())
      if (chunk.done === true) return
      yield chunk.value
    }
  }
}

async function* contentsOf(
  release: SentRelease,
  missing: readonly string[],
): AsyncGenerator<Buffer> {
  const files = new Map(release.manifest.files.map((file) => [file.sha256, file]))
  for (const sha256 of missing) {
    const file = files.get(sha256)
    if (file !== undefined) yield await readFileOf(release.dir, file)
  }
}

async function* compressed(contents: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL }
  const compressing = createZstdCompress({ params })
  const source = Readable.from(contents)
  source.once('error', (error) => compressing.destroy(error))
  source.pipe(compressing)
  for await (const chunk of compressing) yield chunk as Buffer
}
