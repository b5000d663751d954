import { describe, expect, it } from 'vitest'
import * as limits from './limits.ts'
import { resolveHost, type Environment, type HostWish, type ResolvedHost } from './resolve-host.ts'

const environment: Environment = {
  home: '/home/ann',
  user: 'ann',
  variables: { SSH_AUTH_SOCK: '/run/agent', OTHER_AGENT: '/run/other' },
  projectKnownHosts: '/project/.lattice/known_hosts',
}
const nothing: HostWish = { port: null, user: null, hostKeys: [] }

const resolve = (
  alias: string,
  config: readonly string[],
  wish: Partial<HostWish> = {},
  given: Partial<Environment> = {},
): readonly ResolvedHost[] =>
  resolveHost(
    alias,
    { ...nothing, ...wish },
    [{ path: 'config', text: config.join('\n'), included: new Map() }],
    { ...environment, ...given },
  )

const lastOf = (hops: readonly ResolvedHost[]): ResolvedHost => {
  const last = hops.at(-1)
  if (last === undefined) throw new Error('no hops')
  return last
}

describe('a host', () => {
  it('that nothing is said about has the usual values', () => {
    expect(resolve('Alpha.example.com', [])).toEqual([
      {
        alias: 'Alpha.example.com',
        hostname: 'Alpha.example.com',
        port: 22,
        user: 'ann',
        knownAs: 'alpha.example.com',
        pins: [],
        knownHostsFiles: [
          '/project/.lattice/known_hosts',
          '/home/ann/.ssh/known_hosts',
          '/home/ann/.ssh/known_hosts2',
          '/etc/ssh/ssh_known_hosts',
          '/etc/ssh/ssh_known_hosts2',
        ],
        identityFiles: [
          '/home/ann/.ssh/id_ed25519',
          '/home/ann/.ssh/id_ecdsa',
          '/home/ann/.ssh/id_rsa',
        ],
        areIdentitiesNamed: false,
        identitiesOnly: false,
        agentSocket: '/run/agent',
        dialTimeoutMs: limits.DIAL_MS,
        keepaliveMs: limits.KEEPALIVE_MS,
        keepaliveCount: limits.KEEPALIVE_COUNT,
      },
    ])
  })

  it.each<[string, readonly string[], Partial<ResolvedHost>]>([
    [
      'a name of its own',
      ['Host alpha', 'HostName 192.0.2.1'],
      { hostname: '192.0.2.1', knownAs: '192.0.2.1' },
    ],
    ['a name made of its alias', ['HostName %h.example.com'], { hostname: 'alpha.example.com' }],
    ['a port', ['Port 2222'], { port: 2222, knownAs: '[alpha]:2222' }],
    ['a user', ['User bob'], { user: 'bob' }],
    ['keywords in any case, and =', ['hOST=alpha', 'pORT = 2222'], { port: 2222 }],
    ['the first value that is given', ['Host alpha', 'Port 1', 'Host *', 'Port 2'], { port: 1 }],
    [
      'what is said of others left out',
      ['Host beta', 'Port 1', 'Host * !alpha', 'Port 2', 'Host al?ha', 'Port 3'],
      { port: 3 },
    ],
    ['what is said of all', ['Host beta alp*', 'Port 4'], { port: 4 }],
    ['what Match says', ['Match host alpha', 'Port 5'], { port: 5 }],
    [
      'what Match says of its name',
      ['HostName x.example.com', 'Match host *.example.com', 'Port 6'],
      { port: 6 },
    ],
    [
      'what Match says of its alias',
      ['HostName x', 'Match originalhost alpha', 'Port 7'],
      { port: 7 },
    ],
    ['what Match says of both users', ['Match localuser ann user ann', 'Port 8'], { port: 8 }],
    ['what Match says of all', ['Host beta', 'Match all', 'Port 9'], { port: 9 }],
    [
      'what Match says in the end',
      ['Match final', 'Port 10', 'Match all', 'User bob'],
      { port: 10, user: 'bob' },
    ],
    [
      'what Match says in the end, after all else',
      ['Match final', 'Port 10', 'Match all', 'Port 11'],
      { port: 11 },
    ],
    [
      'no command run for it',
      ['Match exec "true"', 'Port 1', 'Match !exec "false"', 'Port 2'],
      { port: 22 },
    ],
    [
      'no unknown criterion',
      ['Match tagged x', 'Port 1', 'Match host alpha canonical', 'Port 2'],
      { port: 22 },
    ],
    [
      'another name for its keys',
      ['Port 2222', 'HostKeyAlias Alpha-Key'],
      { knownAs: 'alpha-key' },
    ],
    [
      'several keys',
      ['IdentityFile ~/.ssh/%n', 'IdentityFile "/keys/a b"'],
      { identityFiles: ['/home/ann/.ssh/alpha', '/keys/a b'], areIdentitiesNamed: true },
    ],
    [
      'all tokens',
      ['HostName h', 'Port 9', 'User r', 'IdentityFile %d/%h-%n-%p-%r-%u-%%-${OTHER_AGENT}'],
      { identityFiles: ['/home/ann/h-alpha-9-r-ann-%-/run/other'] },
    ],
    ['no key at all', ['IdentityFile none'], { areIdentitiesNamed: false }],
    ['only named keys', ['IdentitiesOnly yes'], { identitiesOnly: true }],
    ['another agent', ['IdentityAgent ~/agent'], { agentSocket: '/home/ann/agent' }],
    ['an agent by a variable', ['IdentityAgent $OTHER_AGENT'], { agentSocket: '/run/other' }],
    ['an agent by a variable that is not set', ['IdentityAgent $NONE'], { agentSocket: null }],
    ['the usual agent', ['IdentityAgent SSH_AUTH_SOCK'], { agentSocket: '/run/agent' }],
    ['no agent', ['IdentityAgent none'], { agentSocket: null }],
    [
      'other files of known hosts',
      ['UserKnownHostsFile ~/a "/b c"', 'GlobalKnownHostsFile /d'],
      { knownHostsFiles: ['/project/.lattice/known_hosts', '/home/ann/a', '/b c', '/d'] },
    ],
    [
      'no files of known hosts',
      ['UserKnownHostsFile /dev/null', 'GlobalKnownHostsFile none'],
      { knownHostsFiles: ['/project/.lattice/known_hosts'] },
    ],
    [
      'times',
      ['ConnectTimeout 3', 'ServerAliveInterval 1m', 'ServerAliveCountMax 2'],
      { dialTimeoutMs: 3000, keepaliveMs: 60_000, keepaliveCount: 2 },
    ],
    [
      'times within bounds',
      ['ConnectTimeout 1w', 'ServerAliveInterval 1h30m', 'ServerAliveCountMax 999'],
      {
        dialTimeoutMs: limits.DIAL_MS_MAX,
        keepaliveMs: limits.KEEPALIVE_MS_MAX,
        keepaliveCount: limits.KEEPALIVE_COUNT_MAX,
      },
    ],
    [
      'always a sign of life',
      ['ServerAliveInterval 0', 'ServerAliveCountMax 0', 'ConnectTimeout none'],
      {
        keepaliveMs: limits.KEEPALIVE_MS,
        keepaliveCount: limits.KEEPALIVE_COUNT,
        dialTimeoutMs: limits.DIAL_MS,
      },
    ],
    ['comments and empty lines', ['# Port 1', '', '  # Port 2', 'Port 3 # not 4'], { port: 3 }],
  ])('has %s', (_what, config, expected) => {
    expect(lastOf(resolve('alpha', config))).toMatchObject(expected)
  })

  it('is what nodes.yaml says before all', () => {
    const pins = [{ kind: 'fingerprint', fingerprint: 'SHA256:x' }] as const
    const wish = { port: 7, user: 'deploy', hostKeys: pins }
    const config = ['Port 1', 'User bob', 'Match user deploy', 'HostName meant']
    expect(lastOf(resolve('alpha', config, wish))).toMatchObject({
      port: 7,
      user: 'deploy',
      hostname: 'meant',
      pins,
    })
  })

  it('may need no agent and no project', () => {
    const given = { variables: {}, projectKnownHosts: null }
    const host = lastOf(resolve('alpha', [], {}, given))
    expect(host.agentSocket).toBeNull()
    expect(host.knownHostsFiles[0]).toBe('/home/ann/.ssh/known_hosts')
  })

  it('has nothing of StrictHostKeyChecking', () => {
    expect(resolve('alpha', ['StrictHostKeyChecking no'])).toEqual(resolve('alpha', []))
  })
})

describe('the way to a host', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['none', [], ['ann@alpha:22']],
    ['one hop', ['Host alpha', 'ProxyJump b'], ['ann@b:22', 'ann@alpha:22']],
    ['several hops', ['Host alpha', 'ProxyJump b,c'], ['ann@b:22', 'ann@c:22', 'ann@alpha:22']],
    [
      'a hop with a user and a port',
      ['Host alpha', 'ProxyJump bob@b:2022'],
      ['bob@b:2022', 'ann@alpha:22'],
    ],
    [
      'a hop as a URL',
      ['Host alpha', 'ProxyJump ssh://bob@b:2022'],
      ['bob@b:2022', 'ann@alpha:22'],
    ],
    [
      'a hop by address',
      ['Host alpha', 'ProxyJump bob@[2001:db8::1]:2022'],
      ['bob@2001:db8::1:2022', 'ann@alpha:22'],
    ],
    [
      'a hop that is configured',
      ['Host alpha', 'ProxyJump b', 'Host b', 'HostName b.example.com', 'User bob', 'Port 1'],
      ['bob@b.example.com:1', 'ann@alpha:22'],
    ],
    [
      'a hop behind a hop',
      ['Host alpha', 'ProxyJump b', 'Host b', 'ProxyJump c'],
      ['ann@c:22', 'ann@b:22', 'ann@alpha:22'],
    ],
    [
      'hops of which only the first is behind others',
      ['Host alpha', 'ProxyJump b,c', 'Host c', 'ProxyJump d'],
      ['ann@b:22', 'ann@c:22', 'ann@alpha:22'],
    ],
    [
      'no hop, said so',
      ['Host alpha', 'ProxyJump none', 'Host *', 'ProxyJump b'],
      ['ann@alpha:22'],
    ],
    ['a hop for all but itself', ['Host *', 'ProxyJump b'], ['ann@b:22', 'ann@alpha:22']],
    ['no ProxyCommand, said so', ['ProxyCommand none'], ['ann@alpha:22']],
    [
      'a hop before a ProxyCommand',
      ['Host alpha', 'ProxyJump b', 'Host *', 'ProxyCommand none'],
      ['ann@b:22', 'ann@alpha:22'],
    ],
  ])('has %s', (_what, config, expected) => {
    const hops = resolve('alpha', config)
    expect(hops.map(({ user, hostname, port }) => `${user}@${hostname}:${port}`)).toEqual(expected)
  })

  it('takes keys from nodes.yaml for its end alone', () => {
    const pins = [{ kind: 'fingerprint', fingerprint: 'SHA256:x' }] as const
    const hops = resolve('alpha', ['Host alpha', 'ProxyJump b'], {
      user: 'u',
      port: 9,
      hostKeys: pins,
    })
    expect(hops).toMatchObject([
      { pins: [], user: 'ann', port: 22 },
      { pins, user: 'u', port: 9 },
    ])
  })
})

describe('a configuration is refused', () => {
  it.each<[string, readonly string[], RegExp]>([
    [
      'with a ProxyCommand',
      ['ProxyCommand nc %h %p'],
      /alpha: .*ProxyCommand, and no command is run/,
    ],
    [
      'with hops in a circle',
      ['Host alpha', 'ProxyJump b', 'Host b', 'ProxyJump c', 'Host c', 'ProxyJump b'],
      /more than 8 hops away/,
    ],
    ['with too many hops', ['Host alpha', `ProxyJump ${'b,'.repeat(8)}b`], /more than 8 hops away/],
    ['with a hop that is none', ['Host alpha', 'ProxyJump -oProxyCommand=id'], /ProxyJump is not/],
    ['with a hop with a sign of the shell', ['Host alpha', 'ProxyJump b;id'], /ProxyJump is not/],
    ['with a port that is none', ['Port 65536'], /a port that is none/],
    ['with a token that is not known', ['IdentityFile %x'], /%x in %x stands for nothing/],
    ['with a variable that is not set', ['IdentityFile ${NONE}'], /\$\{NONE\} in/],
    ['with another user’s home', ['IdentityFile ~bob/key'], /another user's home/],
    ['with a time that is none', ['ConnectTimeout soon'], /connecttimeout is no time/],
    ['with a keyword that has no value', ['Host'], /a line has no value/],
    ['with a quote that is not closed', ['User "bob'], /quote that is not closed/],
  ])('%s', (_what, config, message) => {
    expect(() => resolve('alpha', config)).toThrow(message)
  })
})

it('files include others at their place, under the condition that they stand in', () => {
  const file = (text: string) => [{ path: 'x', text, included: new Map() }]
  const source = {
    path: 'config',
    text: 'Host beta\nInclude one\nHost alpha\nInclude two\nPort 3',
    included: new Map([
      ['one', file('Host *\nPort 1')],
      ['two', file('User bob\nHost gamma\nPort 2')],
    ]),
  }
  const [host] = resolveHost('alpha', nothing, [source], environment)
  expect(host).toMatchObject({ user: 'bob', port: 3 })
})
