import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { OperatorError } from '../errors.ts'
import { nodesOf } from './inventory.ts'
import { INVENTORY_BYTES_MAX } from './limits.ts'
import { parseInventory, readInventory } from './read.ts'
import { inventoryJsonSchema } from './schema.ts'
import { nearest } from './spelling.ts'

const repository = join(import.meta.dirname, '../../..')
const sound = readFileSync(join(import.meta.dirname, 'testdata/sound.yaml'), 'utf8')

describe('a nodes.yaml that is right', () => {
  it('takes defaults for what it leaves out', () => {
    const text = `lattice: { name: tiny }
nodes:
  - { name: one, kind: server, role: primary, url: 'http://[fd00::1]:8080', ssh: { user: me } }
`
    const inventory = parseInventory(text, '/srv/nodes.yaml')
    expect(inventory).toEqual({
      path: '/srv/nodes.yaml',
      lattice: {
        name: 'tiny',
        topic: 'aethel/lattice/v1',
        genesis: new Map(),
        submit: 'token',
        isP2pEnabled: true,
        syncPolicy: 'auto',
        heartbeatMs: 5000,
        httpPollMs: 10_000,
        peerlessTimeoutMs: 2000,
        corsOrigins: [],
        ca: null,
      },
      nodes: [
        {
          kind: 'server',
          name: 'one',
          role: 'primary',
          url: 'http://[fd00::1]:8080',
          host: 'fd00::1',
          httpPort: 8080,
          p2pPort: 9000,
          webSocketPort: null,
          proxy: null,
          firewall: null,
          ssh: { host: 'fd00::1', port: null, user: 'me', identity: null, hostKeys: [] },
          root: '/opt/aethel-lattice',
        },
      ],
      local: { httpPort: 8101, p2pPort: 9101, submit: 'open', genesis: new Map() },
    })
  })

  it.each([
    ['500ms', 500],
    ['1.5s', 1500],
    ['0.5s', 500],
    ['1m', 60_000],
    ['0.033m', 1980],
    ['32.2s', 32_200],
    ['1999ms', 1999],
    ['60s', 60_000],
  ])('reads %s', (text, ms) => {
    const { lattice } = parseInventory(sound.replace('heartbeat: 5s', `heartbeat: ${text}`), 'x')
    expect(lattice.heartbeatMs).toBe(ms)
  })

  it.each([
    ['env:HF_TOKEN', { kind: 'env', name: 'HF_TOKEN' }],
    ['file:secrets/my token', { kind: 'file', path: 'secrets/my token' }],
    ['cmd:pass show hf', { kind: 'cmd', argv: ['pass', 'show', 'hf'] }],
    [
      `cmd:op read "op://a b/c" '$x;y'`,
      { kind: 'cmd', argv: ['op', 'read', 'op://a b/c', '$x;y'] },
    ],
  ])('reads %s', (reference, token) => {
    const text = sound.replace('env:HF_TOKEN', () => JSON.stringify(reference))
    expect(parseInventory(text, 'x').nodes[0]).toMatchObject({ token })
  })

  it('may say a thing once and use it again', () => {
    const text = sound
      .replace('{ Alice: 10, Bob: 10 }', '&balances { Alice: 10, Bob: 10 }')
      .replace('local:', 'local:\n  genesis: *balances')
    expect(parseInventory(text, 'x').local.genesis).toEqual(
      new Map([
        ['Alice', 10],
        ['Bob', 10],
      ]),
    )
  })

  it('may have a CDN before a server, ends of line of any kind, and a mark at its start', () => {
    const text = `\ufeff${sound}`
      .replace(
        '    url: https://api.example.com',
        '    url: https://api.example.com\n    host: p2p.example.com',
      )
      .replaceAll('\n', '\r\n')
    expect(parseInventory(text, 'x').nodes[1]).toMatchObject({
      host: 'p2p.example.com',
      ssh: { host: 'p2p.example.com' },
    })
  })

  it('may name the keys that a host must present', () => {
    const key = `ssh-ed25519 ${Buffer.from(`\0\0\0\x0bssh-ed25519\0\0\0\x20${'k'.repeat(32)}`).toString('base64')}`
    const fingerprint = `SHA256:${'a'.repeat(43)}`
    const text = sound.replace(
      'ssh: { user: deploy, port: 22 }',
      `ssh: { user: deploy, host_keys: ['${key} comment', '${fingerprint}'] }`,
    )
    expect(parseInventory(text, 'x').nodes[1]).toMatchObject({
      ssh: {
        port: null,
        hostKeys: [
          { kind: 'key', key: { type: 'ssh-ed25519' } },
          { kind: 'fingerprint', fingerprint },
        ],
      },
    })
    const slip = text.replace('ssh-ed25519 ', 'ssh-rsa ')
    expect(() => parseInventory(slip, 'x')).toThrow(/neither a public host key/)
  })

  it('names the nodes of each phase', () => {
    const inventory = parseInventory(sound, 'x')
    const names = (phase: 'local' | 'soft-launch' | 'full') =>
      nodesOf(inventory, phase).map(({ name }) => name)
    expect(names('soft-launch')).toEqual(['node1', 'node2'])
    expect(names('full')).toEqual(['node1', 'node2', 'node3'])
    expect(names('local')).toEqual(['node1', 'node2', 'node3'])
  })
})

describe('reading the file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'aethel-inventory-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(directory, name), content)
    return join(directory, name)
  }

  it('reads the one that comes with the project', async () => {
    const inventory = await readInventory(join(repository, 'nodes.yaml'))
    expect(inventory.nodes.map(({ name, kind, role, url }) => [name, kind, role, url])).toEqual([
      ['node1-huggingface', 'space', 'public', 'https://diotec-aethel.hf.space'],
      ['node2-diotec360', 'server', 'primary', 'https://api.diotec360.com'],
      ['node3-backup', 'server', 'backup', 'https://backup.diotec360.com'],
    ])
    expect(inventory.lattice).toMatchObject({
      topic: 'aethel/lattice/v1',
      submit: 'token',
      isP2pEnabled: true,
    })
    expect(inventory.local).toMatchObject({
      submit: 'open',
      genesis: new Map([
        ['Alice', 1_000_000],
        ['Bob', 1_000_000],
      ]),
    })
  })

  it('shows the path as it was given', async () => {
    const path = file('bad.yaml', 'a: 1\n')
    await expect(readInventory(path)).rejects.toMatchObject({
      code: 'bad-inventory',
      exit: 'badInput',
      file: path,
      message: expect.stringContaining(`${path}:1:1: unknown key "a"`),
    })
  })

  it.each<[string, () => string, string, string]>([
    ['none', () => join(directory, 'none.yaml'), 'no-inventory', 'no such file'],
    ['a folder', () => directory, 'unreadable-inventory', 'is no file'],
    [
      'too large',
      () => file('large', '#'.repeat(INVENTORY_BYTES_MAX + 1)),
      'unreadable-inventory',
      'is larger than',
    ],
    [
      'not UTF-8',
      () => file('latin1', Buffer.from('a: é\n', 'latin1')),
      'unreadable-inventory',
      'is not UTF-8',
    ],
    [
      'a pipe that nobody writes',
      () => {
        execFileSync('sh', ['-c', 'mkfifo "$0"', join(directory, 'pipe')])
        return join(directory, 'pipe')
      },
      'unreadable-inventory',
      'is no file',
    ],
  ])('refuses %s', async (_what, make, code, message) => {
    const path = make()
    const error = await readInventory(path).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OperatorError)
    expect(error).toMatchObject({
      code,
      exit: 'badInput',
      message: expect.stringContaining(message),
    })
  })
})

describe('editors', () => {
  it('find the schema of this version where nodes.yaml says', () => {
    const [first = ''] = readFileSync(join(repository, 'nodes.yaml'), 'utf8').split('\n')
    const path = /^# yaml-language-server: \$schema=(\S+)$/.exec(first)?.[1] ?? ''
    expect(JSON.parse(readFileSync(join(repository, path), 'utf8'))).toEqual(inventoryJsonSchema())
  })

  it('are told what every key is for', () => {
    const silent: string[] = []
    const walk = (schema: unknown, path: string): void => {
      if (schema === null || typeof schema !== 'object') return
      const {
        properties = {},
        items,
        oneOf = [],
      } = schema as {
        properties?: Record<string, { description?: string }>
        items?: unknown
        oneOf?: unknown[]
      }
      for (const [key, property] of Object.entries(properties)) {
        if (property.description === undefined) silent.push(`${path}.${key}`)
        walk(property, `${path}.${key}`)
      }
      for (const one of [items, ...oneOf]) walk(one, path)
    }
    walk(inventoryJsonSchema(), '')
    expect(silent).toEqual([])
  })
})

describe('the word that was meant', () => {
  it.each([
    ['naem', 'name'],
    ['httpPort', 'http_port'],
    ['http-port', 'http_port'],
    ['htpp_port', 'http_port'],
    ['Kind', 'kind'],
    ['zebra', undefined],
    ['', undefined],
    ['x'.repeat(1000), undefined],
  ])('%s', (given, meant) => {
    expect(nearest(given, ['name', 'kind', 'http_port', 'p2p_port'])).toBe(meant)
  })
})
