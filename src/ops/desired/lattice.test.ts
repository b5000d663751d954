import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { multiaddr } from '@multiformats/multiaddr'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { latticeIdOf } from '../../wire/lattice.ts'
import { configDigestOf, parseSettings, peerIdIn, type Settings } from '../../wire/settings.ts'
import { peerIdOf } from '../../wire/signature.ts'
import { phases, type Inventory, type Phase } from '../inventory/inventory.ts'
import { portOf } from '../inventory/origins.ts'
import { parseInventory } from '../inventory/read.ts'
import { SPACE_OUTBOUND_PORTS } from '../inventory/space.ts'
import { desiredFiles, renderLattice, secretVariablesOf } from './files.ts'
import type { HostParts } from './host-files.ts'
import { desiredLattice, tokenHashOf, type DesiredLattice, type DesiredNode } from './lattice.ts'

const TOKEN = 'ab'.repeat(32)
const tokens = [tokenHashOf(TOKEN, 'admin')]
const seed = 'cd'.repeat(32)
const hostParts: HostParts = {
  templates: {
    service: '{{node}} {{root}} {{command}}',
    socket: '{{listen}}',
    caddy: '{{url}} {{tls}}',
    firewall: '{{rules}}',
  },
  ca: null,
  nodeVersion: '26.10.0',
  flags: [],
  entry: 'node.mjs',
}

const peerIdOfName = (name: string): string => peerIdOf(hash('sha256', name, 'buffer'))
const peerIdsOf = (inventory: Inventory): Map<string, string> =>
  new Map(inventory.nodes.map(({ name }) => [name, peerIdOfName(name)]))
const desired = (inventory: Inventory, phase: Phase): DesiredLattice =>
  desiredLattice(inventory, phase, peerIdsOf(inventory), tokens)

const shipped = parseInventory(
  readFileSync(join(import.meta.dirname, '../../../nodes.yaml'), 'utf8'),
  '/nodes.yaml',
)

/** What a node makes of its environment, its secrets added. */
function settingsOf(node: DesiredNode, environment = node.environment): Settings {
  const secrets = Object.fromEntries(secretVariablesOf(node).map((name) => [name, seed]))
  const result = parseSettings({ ...environment, ...secrets })
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.settings
}

const node = (lattice: DesiredLattice, name: string): DesiredNode => {
  const found = lattice.nodes.find((one) => one.name.startsWith(name))
  if (found === undefined) throw new Error(`no ${name}`)
  return found
}

describe('the lattice of nodes.yaml', () => {
  const [one, two, three] = shipped.nodes.map(({ name }) => peerIdOfName(name))
  const full = desired(shipped, 'full')

  it('reaches the Space over TLS, and servers over TCP but from the Space', () => {
    const space = `/dns4/diotec-aethel.hf.space/tcp/443/tls/ws`
    expect(full.nodes.map((each) => settingsOf(each).p2pBootstrap)).toEqual([
      [
        `/dns4/api.diotec360.com/tcp/443/tls/ws/p2p/${two}`,
        `/dns4/backup.diotec360.com/tcp/443/tls/ws/p2p/${three}`,
      ],
      [`${space}/p2p/${one}`, `/dns4/backup.diotec360.com/tcp/9000/p2p/${three}`],
      [`${space}/p2p/${one}`, `/dns4/api.diotec360.com/tcp/9000/p2p/${two}`],
    ])
    expect(full.nodes.map((each) => settingsOf(each).p2pAnnounce)).toEqual([
      [space],
      ['/dns4/api.diotec360.com/tcp/9000', '/dns4/api.diotec360.com/tcp/443/tls/ws'],
      ['/dns4/backup.diotec360.com/tcp/9000', '/dns4/backup.diotec360.com/tcp/443/tls/ws'],
    ])
  })

  it('has one dialer a pair: servers dial the Space, else the smaller peer id dials', () => {
    const dialled = Object.fromEntries(
      full.nodes.map((each) => [each.name, settingsOf(each).p2pDial]),
    )
    expect(dialled['node1-huggingface']).toEqual([])
    const isTwoSmaller = String(two) < String(three)
    expect(dialled['node2-diotec360']).toEqual([
      'node1-huggingface',
      ...(isTwoSmaller ? ['node3-backup'] : []),
    ])
    expect(dialled['node3-backup']).toEqual([
      'node1-huggingface',
      ...(isTwoSmaller ? [] : ['node2-diotec360']),
    ])
  })

  it('binds what each platform needs', () => {
    const bound = full.nodes.map((each) => {
      const { httpHost, httpPort, p2pListen, nodeKeyFile, stateDir } = settingsOf(each)
      return [httpHost, httpPort, p2pListen, nodeKeyFile, stateDir]
    })
    const server = ['127.0.0.1', 8000, ['/ip4/0.0.0.0/tcp/9000'], 'node.key', 'data']
    expect(bound).toEqual([['0.0.0.0', 7860, [], '', 'data'], server, server])
  })

  it('has only the nodes of the phase as members', () => {
    const launch = desired(shipped, 'soft-launch')
    expect(launch.members.map(({ name }) => name)).toEqual(['node1-huggingface', 'node2-diotec360'])
    for (const each of launch.nodes) {
      expect(JSON.stringify(each.environment)).not.toContain('backup')
      expect(settingsOf(each).members).toEqual(launch.members)
    }
    expect(launch.id).toBe(full.id)
    expect(node(launch, 'node2').configDigest).not.toBe(node(full, 'node2').configDigest)
  })

  it('runs on this machine with its own ports, genesis and rules', () => {
    const local = desired(shipped, 'local')
    expect(local).toMatchObject({
      phase: 'local',
      submit: 'open',
      id: latticeIdOf('aethel', shipped.local.genesis),
    })
    const second = settingsOf(node(local, 'node2'))
    expect(local.nodes.map(({ kind, url }) => [kind, url])).toEqual([
      ['local', 'http://127.0.0.1:8101'],
      ['local', 'http://127.0.0.1:8102'],
      ['local', 'http://127.0.0.1:8103'],
    ])
    expect(second).toMatchObject({
      httpHost: '127.0.0.1',
      httpPort: 8102,
      httpPeers: ['http://127.0.0.1:8101', 'http://127.0.0.1:8103'],
      p2pListen: ['/ip4/127.0.0.1/tcp/9102'],
      p2pBootstrap: [`/ip4/127.0.0.1/tcp/9101/p2p/${one}`, `/ip4/127.0.0.1/tcp/9103/p2p/${three}`],
      submit: 'open',
      nodeKeyFile: 'node.key',
    })
  })

  it('knows the operator by the hash of the token alone', () => {
    expect(settingsOf(node(full, 'node3')).tokens).toEqual([
      { scope: 'admin', sha256: hash('sha256', TOKEN) },
    ])
    expect(JSON.stringify(renderLattice(full, hostParts))).not.toContain(TOKEN)
  })

  it('may run without P2P, and says how to reach it all the same', () => {
    const inventory = { ...shipped, lattice: { ...shipped.lattice, isP2pEnabled: false } }
    const settings = settingsOf(node(desired(inventory, 'full'), 'node2'))
    expect(settings.p2pEnabled).toBe(false)
    expect(settings.httpPeers).toHaveLength(2)
    expect(settings.p2pBootstrap).toHaveLength(2)
  })

  it('is refused without a node’s identity, and for a phase without nodes', () => {
    const without = (name: string) =>
      new Map([...peerIdsOf(shipped)].filter(([key]) => key !== name))
    expect(() => desiredLattice(shipped, 'full', without('node3-backup'), [])).toThrow(
      expect.objectContaining({ code: 'no-identity', hint: 'run "aethel-lattice keys"' }),
    )
    expect(() => desiredLattice(shipped, 'soft-launch', without('node3-backup'), [])).not.toThrow()
    const backups = { ...shipped, nodes: shipped.nodes.filter(({ role }) => role === 'backup') }
    expect(() => desired(backups, 'soft-launch')).toThrow(
      expect.objectContaining({ code: 'empty-phase', exit: 'badInput' }),
    )
  })
})

describe('any inventory', () => {
  const account = fc
    .stringMatching(/^[A-Za-zéñ日_][A-Za-z0-9é日_.@-]{0,20}$/)
    .filter((name) => name !== '__proto__' && name.normalize('NFC') === name)
  const lattice = fc
    .record({
      name: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/),
      topic: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,60}$/),
      p2p: fc.boolean(),
      policy: fc.constantFrom('auto', 'http', 'p2p'),
      heartbeat: fc.integer({ min: 500, max: 60_000 }).map((ms) => `${ms}ms`),
      poll: fc.integer({ min: 1, max: 5 }).map((minutes) => `${minutes}m`),
      peerless_timeout: fc.integer({ min: 20, max: 600 }).map((tenths) => `${tenths / 10}s`),
      submit: fc.constantFrom('token', 'open'),
      cors_origins: fc.uniqueArray(fc.constantFrom('https://a.example', 'http://b.example:8080'), {
        maxLength: 2,
      }),
      genesis: fc.dictionary(account, fc.integer({ min: 0, max: 1_000_000_000 }), { maxKeys: 5 }),
    })
    .map((given) => ({ ...given, policy: given.p2p ? given.policy : 'auto' }))

  const server = (n: number) =>
    fc
      .record({
        host: fc.constantFrom(`h${n}.example.com`, `10.0.0.${n + 1}`, `fd00::${n + 1}`),
        p2pHost: fc.constantFrom(undefined, `p${n}.example.com`, `fd00:1::${n + 1}`),
        origin: fc.constantFrom(['https', ''], ['https', ':8080'], ['http', ''], ['http', ':8080']),
        p2p_port: fc.constantFrom(9000, 4001, undefined),
        web_socket_port: fc.constantFrom(443, undefined),
        role: fc.constantFrom('primary', 'backup'),
      })
      .map(({ host, p2pHost, origin: [scheme, port], role, ...ports }) => ({
        name: `server-${n}`,
        kind: 'server',
        role,
        url: `${scheme}://${host.includes(':') ? `[${host}]` : host}${port}`,
        host: p2pHost,
        ssh: { user: 'deploy' },
        ...ports,
      }))
  const space = (n: number) =>
    fc.constant({
      name: `space-${n}`,
      kind: 'space',
      role: 'public',
      url: `https://owner-n${n}.hf.space`,
      space: `owner/n${n}`,
      token: 'env:HF_TOKEN',
    })
  const nodes = fc
    .array(fc.boolean(), { minLength: 1, maxLength: 7 })
    .chain((kinds) => fc.tuple(...kinds.map((isSpace, n) => (isSpace ? space(n) : server(n)))))
    .map(([first, ...rest]) => [{ ...first, role: 'primary' }, ...rest])
  const local = fc.record({
    http_port: fc.integer({ min: 1024, max: 20_000 }),
    p2p_port: fc.integer({ min: 20_100, max: 65_000 }),
  })
  const inventories = fc
    .record({ lattice, nodes, local })
    .map((file) => parseInventory(stringify(file), '/nodes.yaml'))
  const lattices = fc
    .tuple(inventories, fc.constantFrom(...phases))
    .map(([inventory, phase]) => ({ inventory, lattice: desired(inventory, phase) }))

  const holds = (check: (given: { inventory: Inventory; lattice: DesiredLattice }) => void): void =>
    fc.assert(fc.property(lattices, check), { numRuns: 60 })

  it('is what every node reads from its environment', () => {
    holds(({ inventory, lattice: { members, genesis, submit, nodes: all } }) => {
      const {
        topic,
        heartbeatMs,
        httpPollMs,
        peerlessTimeoutMs,
        syncPolicy,
        corsOrigins,
        isP2pEnabled,
      } = inventory.lattice
      for (const each of all) {
        expect(settingsOf(each)).toMatchObject({
          nodeName: each.name,
          members,
          genesis,
          submit,
          p2pTopic: topic,
          p2pEnabled: isP2pEnabled,
          heartbeatMs,
          httpPollMs,
          peerlessTimeoutMs,
          syncPolicy,
          corsOrigins,
        })
      }
    })
  })

  it('comes back from its files unchanged', () => {
    holds(({ lattice: whole }) => {
      for (const each of whole.nodes) {
        const files = new Map(
          desiredFiles(whole, each, hostParts).map(({ path, text }) => [path, text]),
        )
        const environment = { ...parseEnv(files.get('.env') ?? '') } as Record<string, string>
        expect(environment).toEqual(each.environment)
        expect(configDigestOf({ ...environment, AETHEL_NODE_KEY: seed })).toBe(each.configDigest)
        const lines = (path: string) => (files.get(path) ?? '').split('\n').slice(0, -1)
        expect(lines('bootstrap.txt')).toEqual(settingsOf(each).p2pBootstrap)
        expect(lines('peers.txt')).toEqual(settingsOf(each).httpPeers)
      }
    })
  })

  it('lists the other nodes and never the node itself', () => {
    holds(({ lattice: { nodes: all } }) => {
      for (const each of all) {
        const others = all.filter((other) => other !== each)
        const { httpPeers, p2pBootstrap, p2pDial } = settingsOf(each)
        expect(httpPeers).toEqual(others.map(({ url }) => url))
        const peers = new Set(others.map(({ peerId }) => peerId))
        expect(p2pBootstrap.filter((address) => !peers.has(peerIdIn(address) ?? ''))).toEqual([])
        expect(p2pDial).not.toContain(each.name)
      }
    })
  })

  it('has exactly one dialer for each pair, and it has an address', () => {
    holds(({ lattice: { nodes: all } }) => {
      const settings = new Map(all.map((each) => [each.name, settingsOf(each)]))
      const reaches = (from: DesiredNode, to: DesiredNode): boolean =>
        settings.get(from.name)?.p2pBootstrap.some((address) => peerIdIn(address) === to.peerId) ===
        true
      const isDialling = (from: DesiredNode, to: DesiredNode): boolean =>
        settings.get(from.name)?.p2pDial?.includes(to.name) === true
      for (const [index, a] of all.entries()) {
        for (const b of all.slice(index + 1)) {
          expect([isDialling(a, b), isDialling(b, a)].filter(Boolean)).toHaveLength(1)
          expect(isDialling(a, b) ? reaches(a, b) : reaches(b, a)).toBe(true)
          const isSmaller = a.peerId < b.peerId
          const isToSpace = b.kind === 'space'
          expect(isDialling(a, b)).toBe((a.kind === 'space') === isToSpace ? isSmaller : isToSpace)
        }
      }
    })
  })

  it('has only addresses that libp2p understands, and a Space only ones that it can dial', () => {
    holds(({ lattice: { nodes: all } }) => {
      for (const each of all) {
        const { p2pBootstrap, p2pListen, p2pAnnounce, httpPeers } = settingsOf(each)
        for (const address of [...p2pBootstrap, ...p2pListen, ...p2pAnnounce]) multiaddr(address)
        const tcpPorts = p2pBootstrap.map((address) => Number(/\/tcp\/(\d+)/.exec(address)?.[1]))
        const ports = each.kind === 'space' ? [...tcpPorts, ...httpPeers.map(portOf)] : []
        expect(ports.filter((port) => !SPACE_OUTBOUND_PORTS.includes(port))).toEqual([])
        const toSpaces = p2pBootstrap.filter((address) => address.includes('.hf.space'))
        expect(
          toSpaces.filter((address) => !/^\/dns4\/[^/]+\/tcp\/443\/tls\/ws\/p2p\//.test(address)),
        ).toEqual([])
      }
    })
  })
})
