import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { authorIdOf } from '../wire/author.ts'
import { signCheckpoint, type Checkpoint } from '../wire/checkpoint.ts'
import { EMPTY_FRONTIER } from '../wire/frontier.ts'
import { latticeIdOf, type Member } from '../wire/lattice.ts'
import { equivocationOf, NO_SEALS, type Seal } from '../wire/seal.ts'
import { NO_PREVIOUS, signEntry } from '../wire/entry.ts'
import { parseSettings, type Settings } from '../wire/settings.ts'
import { verifySignature } from '../wire/signature.ts'
import { encodeSyncRequest, readFrames } from '../wire/sync.ts'
import { DurableReplica } from './durable-replica.ts'
import { systemClock, type Clock } from './engine.ts'
import { nodeKeyOf } from './keys.ts'
import { corrupt, StoreError } from './store/errors.ts'
import { Store } from './store/store.ts'

const key = nodeKeyOf(new Uint8Array(32).fill(5))
const genesis = new Map([['Alice', 1000]])
const lattice = latticeIdOf('durable', genesis)
const pay = { kind: 'transfer', from: 'Alice', to: 'Bob', amount: 1 } as const

let directory: string
let replica: DurableReplica
let reopened = 0

function settingsIn(stateDir: string): Settings {
  const parsed = parseSettings({
    AETHEL_NODE_NAME: 'node1',
    AETHEL_NODE_KEY_FILE: 'node.key',
    AETHEL_STATE_DIR: stateDir,
    AETHEL_LATTICE_NAME: 'durable',
    AETHEL_GENESIS: 'Alice:1000',
    AETHEL_MEMBERS: `node1=${key.peerId}@http://127.0.0.1:1`,
    AETHEL_HTTP_PORT: '1',
    AETHEL_P2P_ENABLED: 'false',
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.settings
}

const open = (others: readonly Member[] = [], clock: Clock = systemClock): DurableReplica =>
  new DurableReplica({
    settings: settingsIn(directory),
    key,
    lattice,
    others,
    clock,
    log: pino({ level: 'silent' }),
    onOutput: () => undefined,
    onReopened: () => {
      reopened += 1
    },
  })

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aethel-durable-'))
  reopened = 0
  replica = open()
})
afterEach(() => {
  replica.close()
  rmSync(directory, { recursive: true, force: true })
})

const submitted = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index += 1) {
    const [outcome] = await replica.submit([pay])
    expect(outcome?.accepted).toBe(true)
  }
}
const events = (): string[] => replica.store.events(0, 99, 0).map(({ message }) => message)

describe('a store that was found damaged', () => {
  beforeEach(async () => {
    await submitted(5)
    replica.close()
    const raw = new DatabaseSync(join(directory, 'ledger.sqlite'))
    raw.exec(`BEGIN; UPDATE entry SET signature = zeroblob(64) WHERE seq = 3`)
    raw.exec('COMMIT')
    raw.close()
    replica = open()
  })

  it('accepts nothing until it is repaired; then it has what was sound, under another incarnation', async () => {
    const { incarnation } = replica.store
    expect(replica.refusalReason).toContain('entry 3')
    await expect(replica.submit([pay])).rejects.toThrow('entry 3')
    const { entriesKept, damagedFile } = await replica.repair()
    expect(entriesKept).toBe(3)
    expect(readdirSync(directory)).toContain(damagedFile.split('/').at(-1))
    expect(replica.refusalReason).toBeNull()
    expect(replica.store.incarnation).not.toBe(incarnation)
    expect(replica.core?.ledger.accounts.balances.get('Bob')).toBe(3)
    await submitted(2)
    expect(replica.core?.ledger.accounts.balances.get('Bob')).toBe(5)
    expect(events().join()).toContain('store repaired: 3 entries were sound')
    expect(reopened).toBe(1)
  })

  it('is not repaired twice', async () => {
    const repaired = replica.repair()
    await expect(replica.repair()).rejects.toThrow('being repaired')
    await repaired
    await expect(replica.repair()).rejects.toThrow('not damaged')
  })
})

describe('a store that cannot be opened as a database', () => {
  const file = (): string => join(directory, 'ledger.sqlite')
  const cutTo = (part: (bytes: number) => number) => (bytes: Buffer) =>
    bytes.subarray(0, part(bytes.length))
  const damages: [string, (bytes: Buffer) => Buffer][] = [
    ['cut to nothing', cutTo(() => 0)],
    ['cut to one byte', cutTo(() => 1)],
    ['cut before the end of its header', cutTo(() => 99)],
    ['cut to what SQLite takes for a page', cutTo(() => 512)],
    ['cut to its first page', cutTo(() => 4096)],
    ['cut to a half', cutTo((length) => length / 2)],
    ['cut by a page', cutTo((length) => length - 4096)],
    ['overwritten', (bytes) => Buffer.alloc(bytes.length, 'no database')],
    ['full of zeros', (bytes) => Buffer.alloc(bytes.length)],
  ]

  it.each(damages)('%s stops the replica and nothing else, and is repaired', async (_, damage) => {
    await submitted(20)
    replica.close()
    const damaged = damage(readFileSync(file()))
    writeFileSync(file(), damaged)
    replica = open()
    expect(replica.refusalReason).toMatch(/ledger\.sqlite is no database: /)
    expect(replica.engine).toBeNull()
    expect(replica.frontier).toEqual(EMPTY_FRONTIER)
    await expect(replica.submit([pay])).rejects.toThrow('is no database')
    expect(() => replica.store).toThrow('is no database')

    const { entriesKept, damagedFile } = await replica.repair()
    expect(entriesKept).toBe(0)
    expect(readFileSync(damagedFile)).toEqual(damaged)
    expect(replica.refusalReason).toBeNull()
    await submitted(1)
    replica.close()
    replica = open()
    expect(replica.refusalReason).toBeNull()
    expect(replica.core?.ledger.accounts.balances.get('Bob')).toBe(1)
  })

  it('in place of which lies an empty database', () => {
    replica.close()
    rmSync(file())
    const empty = new DatabaseSync(file())
    empty.exec('CREATE TABLE other (x TEXT) STRICT')
    empty.close()
    replica = open()
    expect(replica.refusalReason).toMatch(/ledger\.sqlite is no store/)
  })
})

describe('a node that hears that its own log was ended', () => {
  it('goes on in another one, with everything but what was cut off', async () => {
    await submitted(3)
    const { incarnation } = replica.store
    const author = authorIdOf(key.publicKey, Buffer.from(incarnation, 'hex'))
    const mine = replica.store.entry(author, 1)
    if (mine === null) throw new Error('not stored')
    const other = signEntry({ ...mine.entry, intent: { kind: 'noop', note: 'two' } }, key.sign)
    const seal = equivocationOf(mine, other) as Seal
    const cutOff = replica.submit([pay])
    replica.push({ kind: 'seals', seals: [seal], from: 'b' })
    await expect(cutOff).rejects.toThrow('not held')
    await vi.waitFor(() => expect(reopened).toBe(1))
    expect(replica.store.incarnation).not.toBe(incarnation)
    expect(replica.core?.logs.sizeOf(author)).toBe(1)
    await submitted(1)
    expect(replica.core?.ledger.accounts.balances.get('Bob')).toBe(2)
    replica.close()
    replica = open()
    expect(replica.refusalReason).toBeNull()
    expect(replica.core?.ledger.accounts.balances.get('Bob')).toBe(2)
  })
})

describe('a caller of another lattice', () => {
  it('is answered nothing, and told of', async () => {
    const requestOf = (ofLattice: string): Uint8Array =>
      encodeSyncRequest({
        lattice: ofLattice,
        frontier: EMPTY_FRONTIER,
        seals: NO_SEALS,
        checkpoint: null,
      })
    await submitted(1)
    const { signal } = new AbortController()
    expect(() => replica.serveSync(requestOf('ab'.repeat(32)), signal)).toThrow('another lattice')
    replica.engine?.apply({ kind: 'tick' })
    expect(replica.core?.refused.get('wrong-lattice')).toBe(1)
    const frames: string[] = []
    for await (const frame of readFrames(
      replica.serveSync(requestOf(lattice), signal),
      verifySignature,
    ))
      frames.push(frame.kind)
    expect(frames).toEqual(['checkpoint', 'entries', 'end'])
  })
})

const peer = nodeKeyOf(new Uint8Array(32).fill(6))
const node2: Member = { name: 'node2', peerId: peer.peerId, url: 'http://127.0.0.1:2' }

/** The peer says what it holds: as much as we do. */
function hear(changes: Partial<Checkpoint>): void {
  const { core, frontier } = replica
  const checkpoint = signCheckpoint(
    {
      lattice,
      publicKey: peer.publicKey,
      incarnation: '00'.repeat(8),
      frontier,
      seals: NO_SEALS,
      root: core?.logs.root() ?? '',
      stateRoot: core?.ledger.accounts.root() ?? '',
      clockFloor: 1,
      wallMs: 1,
      ...changes,
    },
    peer.sign,
  )
  replica.engine?.apply({ kind: 'checkpoint', checkpoint, via: 'P2P' })
}

describe('a peer that holds other entries than we do', () => {
  it('is asked for the newest again', async () => {
    replica.close()
    replica = open([node2])
    await submitted(3)
    expect(replica.syncRequest(peer.peerId).frontier).toEqual(replica.frontier)
    hear({ root: 'cc'.repeat(32), stateRoot: 'cc'.repeat(32) })
    expect(replica.syncRequest(peer.peerId).frontier).toEqual(EMPTY_FRONTIER)
  })
})

describe('a state that is made anew', () => {
  /** Has something final, and then hears of an entry that comes before it. */
  async function makeAnew(): Promise<void> {
    const clock = { nowMs: 1_000_000, wallMs: () => clock.nowMs, monoMs: () => clock.nowMs }
    replica.close()
    replica = open([node2], clock)
    hear({})
    await submitted(5)
    for (let round = 0; round < 2; round++) {
      clock.nowMs += 5000
      replica.engine?.apply({ kind: 'tick' })
      hear({ clockFloor: clock.nowMs * 1000 })
    }
    expect(replica.core?.ledger.foldedCount).toBe(5)
    const author = authorIdOf(peer.publicKey, new Uint8Array(8))
    const late = { lattice, author, seq: 0, prev: NO_PREVIOUS, hlc: 1, intent: pay }
    const entries = [signEntry(late, peer.sign)]
    replica.engine?.apply({ kind: 'entries', entries, from: peer.peerId, via: 'P2P' })
  }
  const failRead = (error: StoreError): void =>
    void vi.spyOn(Store.prototype, 'between').mockImplementationOnce(() => {
      throw error
    })

  it('is that of all entries', async () => {
    await makeAnew()
    await vi.waitFor(() => expect(replica.core?.ledger.accounts.balances.get('Bob')).toBe(6))
    expect(replica.refusalReason).toBeNull()
  })

  it('is not made of a damaged store, which can be repaired', async () => {
    failRead(corrupt('entry 2 is missing'))
    await makeAnew()
    await vi.waitFor(() => expect(replica.refusalReason).toContain('entry 2 is missing'))
    await replica.repair()
    expect(replica.refusalReason).toBeNull()
    await submitted(1)
  })

  it('is made after the store could be opened again', async () => {
    failRead(new StoreError('unwritable', 'input/output error', 'check the disk'))
    await makeAnew()
    await vi.waitFor(() => expect(reopened).toBe(1))
    await vi.waitFor(() => expect(replica.core?.ledger.accounts.balances.get('Bob')).toBe(6))
    expect(replica.refusalReason).toBeNull()
  })
})
