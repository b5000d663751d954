import { hash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { multiaddr as parseMultiaddr } from '@multiformats/multiaddr'
import { configDigestOf, parseSettings, peerIdIn, variables } from './settings.ts'
import { isHostName, isIpv4, isIpv6, multiaddr, originUrl } from './settings-readers.ts'
import { isSoundPublicKey, peerIdOf } from './signature.ts'

const peerIdOfNumber = (n: number): string => peerIdOf(hash('sha256', `${n}`, 'buffer'))
const [self, other, third] = [peerIdOfNumber(1), peerIdOfNumber(2), peerIdOfNumber(3)]

const sound = {
  AETHEL_NODE_NAME: 'node1',
  AETHEL_NODE_KEY_FILE: 'node.key',
  AETHEL_LATTICE_NAME: 'aethel',
  AETHEL_MEMBERS: `node1=${self}@https://a.example.com,node2=${other}@http://10.0.0.2:8000`,
  AETHEL_HTTP_PORT: '8000',
  AETHEL_STATE_DIR: 'data',
}

function problemsOf(environment: Record<string, string | undefined>): string[] {
  const result = parseSettings(environment)
  return result.ok ? [] : result.problems.map(({ variable, message }) => `${variable} ${message}`)
}

const messageOf = (read: (given: string) => unknown, given: string): string | null => {
  try {
    read(given)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

describe('the settings of an environment', () => {
  it('are read, with defaults for what is absent', () => {
    const result = parseSettings({
      ...sound,
      PATH: '/bin',
      AETHEL_GENESIS: ' Alice:1000000, Bob:5 ',
      AETHEL_LATTICE_NODES: 'http://10.0.0.2:8000',
      AETHEL_P2P_BOOTSTRAP: `/ip4/10.0.0.2/tcp/9000/p2p/${other}`,
      AETHEL_P2P_DIAL: 'node2',
      AETHEL_P2P_ENABLED: 'false',
      AETHEL_HEARTBEAT_INTERVAL: '0.5',
      AETHEL_TOKENS: `admin:${'ab'.repeat(32)}`,
    })
    expect(result).toMatchObject({
      ok: true,
      settings: {
        nodeName: 'node1',
        nodeKey: '',
        members: [
          { name: 'node1', peerId: self, url: 'https://a.example.com' },
          { name: 'node2', peerId: other, url: 'http://10.0.0.2:8000' },
        ],
        genesis: new Map([
          ['Alice', 1_000_000],
          ['Bob', 5],
        ]),
        httpPeers: ['http://10.0.0.2:8000'],
        p2pDial: ['node2'],
        p2pEnabled: false,
        p2pListen: [],
        p2pTopic: 'aethel/lattice/v1',
        heartbeatMs: 500,
        peerlessTimeoutMs: 2000,
        httpPollMs: 10_000,
        syncPolicy: 'auto',
        submit: 'token',
        tokens: [{ scope: 'admin', sha256: 'ab'.repeat(32) }],
        logLevel: 'info',
      },
    })
  })

  it('are refused with every problem at once', () => {
    expect(problemsOf({ AETHEL_HTTP_PORT: 'x', AETHEL_HEARTBEAT_INTERVALL: '5' })).toEqual([
      'AETHEL_NODE_NAME is not set',
      'AETHEL_LATTICE_NAME is not set',
      'AETHEL_MEMBERS is not set',
      'AETHEL_HTTP_PORT "x": not a port from 1 to 65535',
      'AETHEL_STATE_DIR is not set',
      'AETHEL_HEARTBEAT_INTERVALL is not a variable of this node',
    ])
  })

  it.each<[Record<string, string | undefined>, string]>([
    [{ AETHEL_NODE_NAME: 'Node1' }, 'AETHEL_NODE_NAME "Node1": not a name of'],
    [{ AETHEL_NODE_NAME: 'node9' }, 'AETHEL_NODE_NAME node9 is not among AETHEL_MEMBERS'],
    [{ AETHEL_STATE_DIR: '' }, 'AETHEL_STATE_DIR "": not 1 to 4096 characters'],
    [{ AETHEL_NODE_KEY_FILE: '' }, 'AETHEL_NODE_KEY_FILE give exactly one of'],
    [{ AETHEL_NODE_KEY: 'ab'.repeat(32) }, 'AETHEL_NODE_KEY_FILE give exactly one of'],
    [{ AETHEL_HTTP_PORT: '0' }, 'AETHEL_HTTP_PORT "0": not a port'],
    [{ AETHEL_HTTP_PORT: '65536' }, 'AETHEL_HTTP_PORT "65536": not a port'],
    [{ AETHEL_P2P_ENABLED: 'yes' }, 'AETHEL_P2P_ENABLED "yes": neither true nor false'],
    [{ AETHEL_SYNC_POLICY: 'P2P' }, 'AETHEL_SYNC_POLICY "P2P": not one of auto, p2p, http'],
    [{ AETHEL_HEARTBEAT_INTERVAL: '5s' }, 'AETHEL_HEARTBEAT_INTERVAL "5s": not 0.5 to 60 seconds'],
    [
      { AETHEL_HEARTBEAT_INTERVAL: '0.4' },
      'AETHEL_HEARTBEAT_INTERVAL "0.4": not 0.5 to 60 seconds',
    ],
    [{ AETHEL_TOKENS: 'root:ab' }, 'AETHEL_TOKENS "root:ab": not one of submit, control, admin'],
    [{ AETHEL_TOKENS: 'admin:ab' }, 'AETHEL_TOKENS "admin:ab": not 64 characters'],
    [{ AETHEL_GENESIS: 'Alice' }, 'AETHEL_GENESIS "Alice": "Alice" is not account:amount'],
    [{ AETHEL_GENESIS: 'Alice:1,Alice:2' }, 'an account stands twice'],
    [{ AETHEL_GENESIS: '9x:1' }, '9x cannot name an account'],
    [{ AETHEL_GENESIS: 'Alice:9007199254740993' }, '9007199254740993 is more than'],
    [{ AETHEL_GENESIS: 'Alice:9007199254740991,Bob:1' }, 'more than 9007199254740991 in all'],
    [{ AETHEL_GENESIS: 'Alice:1,,Bob:1' }, 'a comma too many'],
    [{ AETHEL_MEMBERS: '' }, 'not 1 to 32 members'],
    [{ AETHEL_MEMBERS: 'node1' }, '"node1" is not name=peerId@url'],
    [{ AETHEL_MEMBERS: 'node1=QmX@http://a' }, 'QmX is no Ed25519 peer id'],
    [
      { AETHEL_MEMBERS: `node1=${self}@http://a,node2=${self}@http://b` },
      'two members have peerId',
    ],
    [{ AETHEL_MEMBERS: `node1=${self}@http://a,node1=${other}@http://b` }, 'two members have name'],
    [{ AETHEL_MEMBERS: `node1=${self}@http://a,node2=${other}@http://a` }, 'two members have url'],
    [
      { AETHEL_LATTICE_NODES: 'https://a.example.com' },
      'https://a.example.com is this node itself',
    ],
    [{ AETHEL_LATTICE_NODES: 'https://b.example.com' }, 'is no member’s URL'],
    [{ AETHEL_P2P_BOOTSTRAP: '/ip4/10.0.0.2/tcp/9000' }, 'names no peer'],
    [{ AETHEL_P2P_BOOTSTRAP: `/ip4/10.0.0.1/tcp/9000/p2p/${self}` }, 'is this node itself'],
    [{ AETHEL_P2P_BOOTSTRAP: `/ip4/10.0.0.1/tcp/9000/p2p/${third}` }, 'is no member'],
    [{ AETHEL_P2P_BOOTSTRAP: '/ip4/api.example.com/tcp/9000' }, 'a name goes behind /dns4'],
    [{ AETHEL_P2P_DIAL: 'node2' }, 'AETHEL_P2P_DIAL node2 has no address in AETHEL_P2P_BOOTSTRAP'],
    [{ AETHEL_P2P_DIAL: 'node1' }, 'AETHEL_P2P_DIAL node1 is no other member'],
    [{ AETHEL_LATTICE_NODES: 'http://10.0.0.2:8000,\nhttp://x' }, 'holds control characters'],
    [{ AETHEL_P2P_TOPIC: 'a\tb' }, 'AETHEL_P2P_TOPIC "a\\tb": holds control characters'],
    [{ AETHEL_NOTHING: '' }, 'AETHEL_NOTHING is not a variable of this node'],
  ])('%j is refused', (change, problem) => {
    const problems = problemsOf({ ...sound, ...change })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
  })

  it('never show a secret', () => {
    const secret = 'Z'.repeat(64)
    const result = parseSettings({ ...sound, AETHEL_NODE_KEY: secret })
    expect(result.ok).toBe(false)
    expect(JSON.stringify(result)).not.toContain(secret)
  })

  it('take an absent value as absent', () => {
    expect(problemsOf({ ...sound, AETHEL_UNKNOWN: undefined, AETHEL_GENESIS: undefined })).toEqual(
      [],
    )
  })
})

describe('the digest of settings', () => {
  it('leaves secrets and other programs’ variables out, and counts defaults as given', () => {
    const digest = configDigestOf(sound)
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(configDigestOf({ ...sound, PATH: '/bin' })).toBe(digest)
    expect(configDigestOf({ ...sound, AETHEL_NODE_KEY: 'x' })).toBe(digest)
    expect(configDigestOf({ ...sound, AETHEL_HEARTBEAT_INTERVAL: '5' })).toBe(digest)
    expect(configDigestOf({ ...sound, AETHEL_SYNC_POLICY: ' auto ' })).toBe(digest)
  })

  it('changes with every variable that is no secret', () => {
    const digests = Object.values(variables)
      .filter((one) => !('secret' in one))
      .map(({ name }) => configDigestOf({ ...sound, [name]: 'something else' }))
    expect(new Set([...digests, configDigestOf(sound)]).size).toBe(digests.length + 1)
  })
})

describe('hosts', () => {
  it.each([
    ['localhost', 'name'],
    ['api.diotec360.com', 'name'],
    ['A-1.Example', 'name'],
    ['0x7f.example', 'name'],
    ['x'.repeat(63), 'name'],
    ['10.0.0.1', 'IPv4'],
    ['255.255.255.255', 'IPv4'],
    ['::1', 'IPv6'],
    ['2001:DB8::1', 'IPv6'],
    ['::ffff:10.0.0.1', 'IPv6'],
    ['1.2.3.4.', 'nothing'],
    ['01.2.3.4', 'nothing'],
    ['1.2.3', 'nothing'],
    ['127.1', 'nothing'],
    ['2130706433', 'nothing'],
    ['a.0x7f000001', 'nothing'],
    ['256.1.1.1', 'nothing'],
    [':::1', 'nothing'],
    ['fe80::1%eth0', 'nothing'],
    ['[::1]', 'nothing'],
    ['a_b', 'nothing'],
    ['-a', 'nothing'],
    ['a-', 'nothing'],
    ['a..b', 'nothing'],
    ['a.', 'nothing'],
    ['x'.repeat(64), 'nothing'],
    [`${'x.'.repeat(127)}xx`, 'nothing'],
    ['a;reboot', 'nothing'],
    ['$(id)', 'nothing'],
    ['', 'nothing'],
  ])('%s is %s', (host, kind) => {
    const kinds = { name: isHostName(host), IPv4: isIpv4(host), IPv6: isIpv6(host) }
    expect(kinds).toEqual({
      name: false,
      IPv4: false,
      IPv6: false,
      ...(kind === 'nothing' ? {} : { [kind]: true }),
    })
  })
})

describe('origins', () => {
  it.each(['https://a.example.com', 'http://127.0.0.1:8101', 'http://[::1]:8000'])(
    '%s is one',
    (url) => {
      expect(originUrl(url)).toBe(url)
    },
  )

  it.each([
    ['https://a.example.com/', 'not a bare origin; write https://a.example.com'],
    ['https://A.example.com', 'write https://a.example.com'],
    ['https://a.example.com:443', 'write https://a.example.com'],
    ['https://user:secret@a.example.com', 'write https://a.example.com'],
    ['https://huggingface.co/spaces/diotec/aethel', 'write https://huggingface.co'],
    ['http://010.0.0.1', 'write http://8.0.0.1'],
    ['http://a:0', '0 is no port'],
    ['http://a,b', 'a,b is no host'],
    ["http://a'$x;y", 'is no host'],
    ['http://a_b', 'a_b is no host'],
    ['ftp://a', 'neither http nor https'],
    ['a.example.com', 'not a URL'],
    ['https://a\n', 'not a URL'],
  ])('%j is none', (url, message) => {
    expect(messageOf(originUrl, url)).toContain(message)
  })
})

describe('multiaddrs', () => {
  it.each([
    `/dns4/diotec-aethel.hf.space/tcp/443/tls/ws/p2p/${self}`,
    '/dns4/api.diotec360.com/tcp/9000',
    '/dns6/api.diotec360.com/tcp/443/wss',
    '/ip4/0.0.0.0/tcp/0',
    '/ip6/::/tcp/9000/ws',
  ])('%s is one, for libp2p too', (address) => {
    expect(multiaddr(address)).toBe(address)
    expect(() => parseMultiaddr(address)).not.toThrow()
  })

  it.each([
    '/ip4/api.diotec360.com/tcp/9000',
    '/ip4/1.2.3.4./tcp/9000',
    '/ip6/:::/tcp/9000',
    '/dns4/10.0.0.1/tcp/9000',
    '/dns4/a_b/tcp/9000',
    '/dns4/a/tcp/65536',
    '/dns4/a/tcp/09000',
    '/dns4/a/tcp/9000/',
    '/dns4/a/udp/9000',
    '/dns4/a/tcp/9000/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    '/dns4/a/tcp/9000/p2p/',
    'dns4/a/tcp/9000',
    '',
  ])('%j is none', (address) => {
    expect(messageOf(multiaddr, address)).not.toBeNull()
  })

  it('names its peer, for every key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        fc.pre(isSoundPublicKey(key))
        const address = `/dns4/a.example/tcp/9000/p2p/${peerIdOf(key)}`
        expect(peerIdIn(multiaddr(address))).toBe(peerIdOf(key))
      }),
    )
  })
})
