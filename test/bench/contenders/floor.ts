import { createPublicKey, generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { decode, encode } from 'cborg'
import { act, sharedMs } from '../actor.ts'

/**
 * An actor: the least that a durable, signed, replicated log can do. Sign, encode, commit; and to catch up,
 * pages over HTTP, each entry verified and stored before the next page is asked for. No Merkle tree, no
 * state, no membership, no code of the lattice.
 */
const PAGE_ENTRIES = 256
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const author = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

let database: DatabaseSync
let insert: StatementSync
let size = 0
let previous: Uint8Array = new Uint8Array(32)

type Row = [bytes: Uint8Array, signature: Uint8Array]

act({
  open({ directory }: { directory: string }) {
    database = new DatabaseSync(join(directory, 'floor.sqlite'))
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    database.exec(
      'CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL, signature BLOB NOT NULL) STRICT',
    )
    insert = database.prepare('INSERT INTO entry VALUES (?, ?, ?)')
    size = Number(database.prepare('SELECT count(*) AS size FROM entry').get()?.['size'])
  },
  append({ count, concurrency }: { count: number; concurrency: number }) {
    const startedMs = sharedMs()
    for (let done = 0; done < count; done += concurrency)
      commit(Array.from({ length: concurrency }, () => makeRow()))
    return sharedMs() - startedMs
  },
  size: () => size,
  async serve() {
    const server = createServer((asked, answer) => {
      const from = Number(new URL(asked.url ?? '/', 'http://floor').searchParams.get('from'))
      const rows = database
        .prepare('SELECT bytes, signature FROM entry WHERE seq >= ? ORDER BY seq LIMIT ?')
        .all(from, PAGE_ENTRIES)
      answer.end(encode([author, rows.map((row) => [row['bytes'], row['signature']])]))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return { port: (server.address() as AddressInfo).port }
  },
  /** Returns when it began and when it held everything, on the shared clock. */
  async catchUp({ port, total }: { port: number; total: number }) {
    const agent = new Agent({ keepAlive: true })
    const startedMs = sharedMs()
    while (size < total) {
      const page = await get(`http://127.0.0.1:${port}/?from=${size}`, agent)
      const [key, rows] = decode(page) as [Uint8Array, Row[]]
      const keyObject = createPublicKey({
        key: Buffer.concat([SPKI_PREFIX, key]),
        format: 'der',
        type: 'spki',
      })
      for (const [bytes, signature] of rows)
        if (!verify(null, bytes, keyObject, signature)) throw new Error('not signed')
      commit(rows)
    }
    agent.destroy()
    return { startedMs, reachedMs: sharedMs() }
  },
})

let made = 0

function makeRow(): Row {
  const seq = made++
  const bytes = encode([
    1,
    previous,
    author,
    seq,
    previous,
    Date.now() * 1000,
    2,
    ['Alice', 'Bob', 1],
  ])
  previous = hash('sha256', bytes, 'buffer')
  return [bytes, sign(null, bytes, privateKey)]
}

function commit(rows: readonly Row[]): void {
  database.exec('BEGIN IMMEDIATE')
  for (const [bytes, signature] of rows) insert.run(size++, bytes, signature)
  database.exec('COMMIT')
}

async function get(url: string, agent: Agent): Promise<Uint8Array> {
  const asking = request(url, { agent })
  asking.end()
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
