import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorIdOf } from '../../wire/author.ts'
import { signCheckpoint } from '../../wire/checkpoint.ts'
import { EMPTY_FRONTIER, sizeAt, totalOf } from '../../wire/frontier.ts'
import { paths, SYNC_MEDIA_TYPE } from '../../wire/protocol.ts'
import { signRetirement } from '../../wire/seal.ts'
import { verifySignature } from '../../wire/signature.ts'
import {
  decodeFrame,
  decodeSyncRequest,
  encodeFrame,
  prefixed,
  type SyncFrame,
} from '../../wire/sync.ts'
import { startFakeLattice } from '../client/fakes/fake-lattice.ts'
import { sendJson } from '../client/fakes/fake-node.ts'
import { FakeReplica } from '../client/fakes/fake-replica.ts'
import { clientsOf, closeClients, type NodeClient } from '../client/node-client.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import { proveRoots, savedClaims } from '../verify/root-proof.ts'
import { backupTerms } from './judge-backup.ts'
import { bringEntries, planRestore } from './restore.ts'
import { takeBackup } from './take-backup.ts'
import { verifyBackup, type BackupFile } from './verify-backup.ts'

const ENTRIES = 12
const quiet = (): void => {}
const { signal } = new AbortController()

let lattice: Awaited<ReturnType<typeof startFakeLattice>>
let clients: NodeClient[]
let directory: string
let path: string

const nodeAt = (index: number) => {
  const [node, client] = [lattice.nodes[index], clients[index]]
  if (node === undefined || client === undefined) throw new Error(`no node ${index}`)
  return { node, client }
}

beforeEach(async () => {
  lattice = await startFakeLattice(2)
  clients = clientsOf(lattice.desired, null)
  directory = mkdtempSync(join(tmpdir(), 'aethel-backup-'))
  path = join(directory, 'backup.frames')
  for (let turn = 0; turn < ENTRIES; turn += 1) nodeAt(turn % 2).node.write()
})
afterEach(async () => {
  await closeClients(clients)
  await lattice.stop()
  rmSync(directory, { recursive: true })
})

const take = async (client = nodeAt(0).client): Promise<BackupFile> =>
  takeBackup(client, path, backupTerms(lattice.desired), signal, quiet)
const verify = async (bytes: Uint8Array, desired: DesiredLattice = lattice.desired) => {
  const file = join(directory, 'changed.frames')
  writeFileSync(file, bytes)
  return verifyBackup(file, backupTerms(desired), signal, quiet)
}

function framesIn(bytes: Buffer): SyncFrame[] {
  const frames: SyncFrame[] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at)
    frames.push(decodeFrame(bytes.subarray(at + 4, at + 4 + length), verifySignature))
    at += 4 + length
  }
  return frames
}
const bytesOf = (frames: readonly SyncFrame[]): Buffer =>
  Buffer.concat(frames.map((frame) => prefixed(encodeFrame(frame))))

describe('a backup', () => {
  it('is everything that the node signed, between two signed checkpoints', async () => {
    const { node } = nodeAt(0)
    const backup = await take()
    expect(backup).toMatchObject({
      entries: ENTRIES,
      peerId: node.replica.key.peerId,
      checkpoint: { root: node.replica.rootAt(node.replica.frontier()) },
    })
    expect(backup.bytes).toBe(readFileSync(path).length)
    const kinds = framesIn(readFileSync(path)).map((frame) => frame.kind)
    expect([kinds.at(0), kinds.at(-2), kinds.at(-1)]).toEqual(['checkpoint', 'end', 'checkpoint'])
    expect(readdirSync(directory)).toEqual(['backup.frames'])
  })

  it('goes on until it holds all that was signed, however little one answer carries', async () => {
    const { node } = nodeAt(0)
    let answers = 0
    node.instead.set(paths.sync, (_request, response, body) => {
      const { frontier } = decodeSyncRequest(body, verifySignature)
      const { log } = node.replica
      const entries = [...log.values()]
        .flatMap((all) => all.filter(({ entry }) => entry.seq >= sizeAt(frontier, entry.author)))
        .slice(0, 5)
      // Somebody writes all the time.
      if (answers < 2) nodeAt(answers % 2).node.write()
      answers += 1
      const checkpoint = node.replica.checkpoint()
      response.setHeader('content-type', SYNC_MEDIA_TYPE)
      response.end(
        bytesOf([
          { kind: 'checkpoint', checkpoint },
          { kind: 'entries', entries },
          { kind: 'end', entryCount: entries.length },
        ]),
      )
    })
    const backup = await take()
    expect([answers, backup.entries]).toEqual([3, ENTRIES + 2])
    expect((await verify(readFileSync(path))).checkpoint.root).toBe(
      node.replica.rootAt(node.replica.frontier()),
    )
  })

  it('is refused, and no file is left, when the node withholds what it signed', async () => {
    const { node, client } = nodeAt(0)
    node.instead.set(paths.sync, (_request, response) => {
      response.setHeader('content-type', SYNC_MEDIA_TYPE)
      const checkpoint = node.replica.checkpoint()
      response.end(
        bytesOf([
          { kind: 'checkpoint', checkpoint },
          { kind: 'end', entryCount: 0 },
        ]),
      )
    })
    await expect(take(client)).rejects.toMatchObject({ code: 'incomplete' })
    expect(readdirSync(directory)).toEqual([])
  })

  it.each(['root', 'stateRoot'])('is refused when the node signs another %s', async (field) => {
    const { node } = nodeAt(0)
    const { checkpoint } = node.replica.checkpoint()
    const lie = signCheckpoint({ ...checkpoint, [field]: '1'.repeat(64) }, node.replica.key.sign)
    node.replica.checkpoint = () => lie
    await expect(take()).rejects.toMatchObject({
      code: 'bad-backup',
      message: expect.stringMatching(/entries do not come to the signed (root|state)/),
    })
    expect(readdirSync(directory)).toEqual([])
  })

  it('never replaces a file', async () => {
    writeFileSync(path, 'mine')
    await expect(take()).rejects.toMatchObject({ code: 'file-exists', exit: 'badInput' })
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })

  it('of an empty lattice is one of no entries', async () => {
    for (const { replica } of lattice.nodes) replica.log.clear()
    expect(await take()).toMatchObject({ entries: 0, frontier: EMPTY_FRONTIER })
  })
})

describe('a file that is not what was written', () => {
  const refusal = { code: 'bad-backup', exit: 'badInput' }

  it('because it was cut off, anywhere', async () => {
    await take()
    const whole = readFileSync(path)
    for (let length = 0; length < whole.length; length += length < 200 ? 1 : 13) {
      await expect(verify(whole.subarray(0, length))).rejects.toMatchObject(refusal)
    }
    const frames = framesIn(whole)
    for (const kept of frames.keys()) {
      await expect(verify(bytesOf(frames.slice(0, kept)))).rejects.toMatchObject(refusal)
    }
  })

  it('because one bit of it is another, anywhere', async () => {
    await take()
    const whole = readFileSync(path)
    const anyBit = fc.nat({ max: whole.length * 8 - 1 })
    await fc.assert(
      fc.asyncProperty(anyBit, async (bit) => {
        const changed = Buffer.from(whole)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        await expect(verify(changed)).rejects.toMatchObject({ exit: 'badInput' })
      }),
      { numRuns: 300 },
    )
  })

  it('because entries were left out, doubled or moved, though every count fits', async () => {
    await take()
    const frames = framesIn(readFileSync(path))
    const index = frames.findIndex((frame) => frame.kind === 'entries')
    const frame = frames[index]
    if (frame?.kind !== 'entries') throw new Error('no entries')
    const { entries } = frame
    const [first, second] = entries
    if (first === undefined || second === undefined) throw new Error('too few')
    const changes = [
      entries.slice(1),
      entries.slice(0, -1),
      [...entries, first],
      [second, first, ...entries.slice(2)],
    ]
    for (const change of changes) {
      const altered = frames.map((one, at): SyncFrame => {
        if (at === index) return { kind: 'entries', entries: change }
        return one.kind === 'end'
          ? { kind: 'end', entryCount: one.entryCount - entries.length + change.length }
          : one
      })
      await expect(verify(bytesOf(altered))).rejects.toMatchObject(refusal)
    }
  })

  it('because it is another lattice’s, or of somebody who is no member', async () => {
    await take()
    const bytes = readFileSync(path)
    const foreign = { code: 'foreign-backup', exit: 'badInput' }
    const other = { ...lattice.desired, id: 'ab'.repeat(32) }
    await expect(verify(bytes, other)).rejects.toMatchObject(foreign)
    const strangers = { ...lattice.desired, members: lattice.desired.members.slice(1) }
    await expect(verify(bytes, strangers)).rejects.toMatchObject(foreign)
  })

  it('because a stranger’s entries are in it', async () => {
    const stranger = new FakeReplica('stranger', lattice.desired.id)
    nodeAt(0).node.replica.take(stranger.write())
    await expect(take()).rejects.toMatchObject(refusal)
  })

  it('because the proof is missing that a log has ended', async () => {
    await take()
    const { node } = nodeAt(0)
    const { author, key } = node.replica
    const seal = signRetirement({ lattice: lattice.desired.id, author, size: 4 }, key.sign)
    const { checkpoint } = node.replica.checkpoint()
    const frontier = new Map(checkpoint.frontier).set(author, 4)
    const seals = new Map([[author, 4]])
    const root = node.replica.rootAt(frontier) ?? ''
    const signed = signCheckpoint({ ...checkpoint, frontier, seals, root }, key.sign)
    const frames = framesIn(readFileSync(path)).map((frame): SyncFrame =>
      frame.kind === 'checkpoint' ? { kind: 'checkpoint', checkpoint: signed } : frame,
    )
    await expect(verify(bytesOf(frames))).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining('has ended is missing'),
    })
    const proven = bytesOf(frames.toSpliced(1, 0, { kind: 'seals', seals: [seal] }))
    expect(await verify(proven)).toMatchObject({ entries: ENTRIES, frontier, seals })
    const moved = bytesOf(frames.toSpliced(2, 0, { kind: 'seals', seals: [seal] }))
    await expect(verify(moved)).rejects.toMatchObject(refusal)
    const { key: stranger } = new FakeReplica('stranger', lattice.desired.id)
    const foreign = signRetirement(
      {
        lattice: lattice.desired.id,
        author: authorIdOf(stranger.publicKey, Buffer.alloc(8)),
        size: 0,
      },
      stranger.sign,
    )
    const more = bytesOf(frames.toSpliced(1, 0, { kind: 'seals', seals: [seal, foreign] }))
    await expect(verify(more)).rejects.toMatchObject(refusal)
  })

  it('because it is not there, or something else', async () => {
    const gone = verifyBackup(join(directory, 'gone'), backupTerms(lattice.desired), signal, quiet)
    await expect(gone).rejects.toMatchObject({ code: 'no-backup', exit: 'badInput' })
    await expect(verify(Buffer.from('{"not": "frames"}'))).rejects.toMatchObject(refusal)
  })
})

describe('a restore', () => {
  /** Takes frames as a node does; answers what `refusedFrom` allows. */
  function takeImports(index: number, refusedFrom = Number.POSITIVE_INFINITY): number[] {
    const { node } = nodeAt(index)
    const pieces: number[] = []
    node.instead.set(paths.import, (_request, response, body) => {
      const entries = framesIn(body).flatMap((frame) =>
        frame.kind === 'entries' ? frame.entries : [],
      )
      pieces.push(entries.length)
      const taken = entries.filter(({ entry }) => entry.seq < refusedFrom)
      for (const signed of taken) node.replica.take(signed)
      const [first] = entries.slice(taken.length)
      sendJson(response, 200, {
        success: first === undefined,
        entries: entries.length,
        new: taken.length,
        held: 0,
        left_out: 0,
        refused: entries.length - taken.length,
        reason:
          first === undefined
            ? null
            : { author: first.entry.author, seq: 0, code: 'clock-ahead', message: 'too early' },
      })
    })
    return pieces
  }

  it('brings exactly what is missing, and the node is held to its word', async () => {
    const file = await take()
    const { node, client } = nodeAt(1)
    const own = node.replica.log.get(node.replica.author)?.slice(0, 4) ?? []
    node.replica.log.clear()
    node.replica.log.set(node.replica.author, own)
    const pieces = takeImports(1)
    const plan = await planRestore(client, file, signal)
    expect(plan).toMatchObject({ heldEntries: 4, missingEntries: ENTRIES - 4 })
    expect(await bringEntries(client, file, plan, signal, quiet)).toBe(ENTRIES - 4)
    expect(pieces).toEqual([ENTRIES - 4])
    const saved = { ...file.checkpoint, name: 'node1', peerId: file.peerId }
    const claims = [{ about: 'the backup', ...file.checkpoint }, ...savedClaims([saved])]
    const proofs = await proveRoots(client, claims, signal)
    expect(proofs.map(({ verdict }) => verdict)).toEqual(['PASS', 'PASS'])
    expect((await planRestore(client, file, signal)).missingEntries).toBe(0)
  })

  it('stops at an entry that the node refuses', async () => {
    const file = await take()
    const { node, client } = nodeAt(1)
    node.replica.log.clear()
    takeImports(1, 3)
    const plan = await planRestore(client, file, signal)
    await expect(bringEntries(client, file, plan, signal, quiet)).rejects.toMatchObject({
      code: 'entries-refused',
      message: expect.stringContaining('clock-ahead'),
    })
  })

  it('is FAIL for another root or a missing entry, UNKNOWN for silence', async () => {
    const file = await take()
    const { node, client } = nodeAt(1)
    const claim = { about: 'the backup', ...file.checkpoint }
    const proof = async () => (await proveRoots(client, [claim], signal))[0]
    node.lies = { cut: { frontier: file.checkpoint.frontier, root: '2'.repeat(64) } }
    expect(await proof()).toMatchObject({ verdict: 'FAIL' })
    node.lies = {}
    node.instead.set(paths.attest, (_request, response) =>
      sendJson(response, 409, { success: false, code: 'unknown-cut', message: 'not held' }),
    )
    expect(await proof()).toMatchObject({
      verdict: 'FAIL',
      message: expect.stringContaining(`does not hold all of ${totalOf(file.checkpoint.frontier)}`),
    })
    await node.close()
    expect(await proof()).toMatchObject({ verdict: 'UNKNOWN' })
  })
})
