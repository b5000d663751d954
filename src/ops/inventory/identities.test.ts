import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OperatorError } from '../errors.ts'
import { makeIdentities, readIdentities, readOperatorToken, readSeed } from './identities.ts'
import type { Inventory } from './inventory.ts'
import { makeKeyFile, readKeyFile } from './key-file.ts'
import { parseInventory } from './read.ts'
import { statePath } from './state.ts'

const text = readFileSync(join(import.meta.dirname, 'testdata/sound.yaml'), 'utf8')

let directory: string
let inventory: Inventory
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aethel-keys-'))
  inventory = parseInventory(text, join(directory, 'nodes.yaml'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const inKeys = (name: string): string => join(directory, 'keys', name)
const modeOf = (path: string): number => statSync(path).mode & 0o777
const names = (identities: Iterable<{ name: string }>): string[] =>
  [...identities].map(({ name }) => name)

describe('making keys', () => {
  it('makes one for every node and a token, for their owner alone', async () => {
    const { made, kept, tokenMade } = await makeIdentities(inventory, 'full')
    expect([names(made), names(kept), tokenMade]).toEqual([['node1', 'node2', 'node3'], [], true])
    expect(readdirSync(inKeys('')).toSorted()).toEqual([
      '.gitignore',
      'node1.key',
      'node2.key',
      'node3.key',
      'operator.token',
    ])
    expect(modeOf(inKeys(''))).toBe(0o700)
    for (const file of readdirSync(inKeys('')).filter((name) => name !== '.gitignore')) {
      expect(modeOf(inKeys(file))).toBe(0o600)
      expect(readFileSync(inKeys(file), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
    }
    expect(new Set(made.map(({ peerId }) => peerId)).size).toBe(3)
  })

  it('gives libp2p’s own peer ids', async () => {
    const { made } = await makeIdentities(inventory, 'full')
    for (const { peerId, seedPath } of made) {
      const seed = Buffer.from(readFileSync(seedPath, 'utf8').trim(), 'hex')
      const key = await generateKeyPairFromSeed('Ed25519', seed)
      expect(peerIdFromPrivateKey(key).toString()).toBe(peerId)
    }
  })

  it('keeps what is there, and adds what a new node lacks', async () => {
    const first = await makeIdentities(inventory, 'full')
    const bytes = readFileSync(inKeys('node2.key'))
    rmSync(inKeys('node3.key'))
    const second = await makeIdentities(inventory, 'full')
    expect([names(second.made), names(second.kept), second.tokenMade]).toEqual([
      ['node3'],
      ['node1', 'node2'],
      false,
    ])
    expect(readFileSync(inKeys('node2.key'))).toEqual(bytes)
    expect(second.kept).toEqual(first.made.slice(0, 2))
  })

  it('makes all for a soft launch too, and others for this machine', async () => {
    const launch = await makeIdentities(inventory, 'soft-launch')
    expect(names(launch.made)).toHaveLength(3)
    expect(names((await readIdentities(inventory, 'soft-launch')).values())).toEqual([
      'node1',
      'node2',
    ])
    const local = await makeIdentities(inventory, 'local')
    expect(local.made[0]?.seedPath).toBe(join(directory, '.lattice/local/keys/node1.key'))
    expect(statSync(statePath(inventory, 'local', 'operator.token')).mode & 0o777).toBe(0o600)
    expect(local.made[0]?.peerId).not.toBe(launch.made[0]?.peerId)
  })

  it('is kept out of whatever repository it lies in', async () => {
    await makeIdentities(inventory, 'full')
    await makeIdentities(inventory, 'local')
    expect(readFileSync(inKeys('.gitignore'), 'utf8')).toBe('*\n')
    expect(readFileSync(statePath(inventory, '.gitignore'), 'utf8')).toBe('*\n')
  })

  it('makes one key when many make it at once', async () => {
    const path = inKeys('node1.key')
    const made = await Promise.all(Array.from({ length: 20 }, () => makeKeyFile(path)))
    expect(made.filter(Boolean)).toHaveLength(1)
    expect(readdirSync(inKeys(''))).toEqual(['.gitignore', 'node1.key'])
  })

  it('is not kept from its modes by a tight or loose umask', async () => {
    const before = process.umask(0o000)
    try {
      await makeKeyFile(inKeys('loose.key'))
      process.umask(0o277)
      await makeKeyFile(inKeys('tight.key'))
    } finally {
      process.umask(before)
    }
    expect([modeOf(inKeys('')), modeOf(inKeys('loose.key')), modeOf(inKeys('tight.key'))]).toEqual([
      0o700, 0o600, 0o600,
    ])
  })

  it('touches no key where others could swap it', async () => {
    mkdirSync(inKeys(''))
    chmodSync(inKeys(''), 0o777)
    await expect(makeIdentities(inventory, 'full')).rejects.toMatchObject({
      code: 'exposed-key',
      hint: expect.stringContaining('chmod 700'),
    })
    expect(readdirSync(inKeys(''))).toEqual([])
  })
})

describe('reading keys', () => {
  it('names the nodes that have none, and what to do', async () => {
    await makeIdentities(inventory, 'full')
    rmSync(inKeys('node1.key'))
    rmSync(inKeys('node3.key'))
    const error = await readIdentities(inventory, 'full').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OperatorError)
    expect(error).toMatchObject({
      code: 'no-identity',
      exit: 'badInput',
      message: `no key in ${inKeys('').replace(/\/$/, '')} for node1, node3`,
      hint: 'run "aethel-lattice keys"',
    })
  })

  it.each([
    ['empty', ''],
    ['cut short', 'ab'.repeat(31)],
    ['too long', 'ab'.repeat(33)],
    ['upper case', `${'AB'.repeat(32)}\n`],
    ['two lines', `${'ab'.repeat(32)}\n${'cd'.repeat(32)}\n`],
    ['another format', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n'],
    ['huge', 'ab'.repeat(100_000)],
  ])('refuses one that is %s, and does not show it', async (_what, content) => {
    await makeIdentities(inventory, 'full')
    writeFileSync(inKeys('node2.key'), content)
    const error: unknown = await readIdentities(inventory, 'full').catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code: 'malformed-key', exit: 'badInput' })
    expect(JSON.stringify([String(error), error])).not.toMatch(/(?:ab){8}|MC4CAQ/i)
    await expect(makeIdentities(inventory, 'full')).rejects.toMatchObject({ code: 'malformed-key' })
    expect(readFileSync(inKeys('node2.key'), 'utf8')).toBe(content)
  })

  it.each([0o640, 0o604, 0o620])('refuses one that others may use (%o)', async (mode) => {
    await makeIdentities(inventory, 'full')
    chmodSync(inKeys('node2.key'), mode)
    await expect(readIdentities(inventory, 'full')).rejects.toMatchObject({
      code: 'exposed-key',
      message: expect.stringContaining(`mode 0${mode.toString(8)}`),
      hint: expect.stringContaining(`chmod 600 ${inKeys('node2.key')}`),
    })
    await expect(readOperatorToken(inventory, 'full')).resolves.toMatch(/^[0-9a-f]{64}$/)
  })

  it('refuses one key for two nodes', async () => {
    await makeIdentities(inventory, 'full')
    writeFileSync(inKeys('node3.key'), readFileSync(inKeys('node1.key')))
    await expect(readIdentities(inventory, 'full')).rejects.toMatchObject({
      code: 'shared-key',
      message: 'node3 and node1 have the same key',
    })
  })

  it('refuses what is no file, and follows a link to one', async () => {
    await makeIdentities(inventory, 'full')
    rmSync(inKeys('node2.key'))
    mkdirSync(inKeys('node2.key'), { mode: 0o700 })
    await expect(readKeyFile(inKeys('node2.key'))).rejects.toMatchObject({ code: 'malformed-key' })
    symlinkSync(inKeys('node1.key'), inKeys('link.key'))
    await expect(readKeyFile(inKeys('link.key'))).resolves.toMatch(/^[0-9a-f]{64}$/)
  })

  it('hands out a seed only while it is still that node’s', async () => {
    const { made } = await makeIdentities(inventory, 'full')
    const [identity] = made
    if (identity === undefined) throw new Error('no identity')
    expect(await readSeed(identity)).toBe(readFileSync(identity.seedPath, 'utf8').trim())
    writeFileSync(identity.seedPath, readFileSync(inKeys('node2.key')))
    await expect(readSeed(identity)).rejects.toMatchObject({ code: 'no-identity' })
    rmSync(identity.seedPath)
    await expect(readSeed(identity)).rejects.toMatchObject({ code: 'no-identity' })
  })

  it('has no token before one is made', async () => {
    await expect(readOperatorToken(inventory, 'local')).resolves.toBeNull()
  })
})
