import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAbout, parseKnownHosts } from '../../src/ops/ssh/known-hosts.ts'
import { resolveHost } from '../../src/ops/ssh/resolve-host.ts'
import { makeKey, openssh, scratch } from './sshd.ts'

/** What is read here as OpenSSH reads it, held to the OpenSSH that is installed. */

const linesByKeygen = (file: string, name: string): readonly number[] => {
  let said: string
  try {
    said = openssh('ssh-keygen', ['-F', name, '-f', file])
  } catch {
    // It says nothing and fails when it finds nothing; a program that is missing failed before.
    return []
  }
  return [...said.matchAll(/^# Host .* found: line (\d+)/gm)].map(([, line]) => Number(line))
}

const linesHere = (text: string, name: string): readonly number[] =>
  parseKnownHosts(text, 'x')
    .filter((line) => isAbout(line, name))
    .map(({ line }) => line)

describe('known hosts', () => {
  using home = scratch()
  const key = makeKey(join(home.path, 'key')).publicLine

  it('are found where ssh-keygen -F finds them', () => {
    using folder = scratch()
    const file = join(folder.path, 'known_hosts')
    const part = fc.string({
      unit: fc.constantFrom('a', 'b', '.', '*', '?'),
      minLength: 1,
      maxLength: 5,
    })
    const name = fc.tuple(fc.constantFrom('', '!'), part).map((parts) => parts.join(''))
    const names = fc.array(name, { minLength: 1, maxLength: 4 }).map((all) => all.join(','))
    const marker = fc.constantFrom('', '', '@revoked ', '@cert-authority ')
    const asked = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 5 })
    const lines = fc.array(fc.tuple(marker, names), { minLength: 20, maxLength: 40 })
    fc.assert(
      fc.property(lines, asked, (given, host) => {
        const text = given.map(([mark, list]) => `${mark}${list} ${key}\n`).join('')
        writeFileSync(file, text)
        expect(linesHere(text, host)).toEqual(linesByKeygen(file, host))
      }),
      { numRuns: 60 },
    )
  })

  it('are found once ssh-keygen -H has hashed their names', () => {
    using folder = scratch()
    const file = join(folder.path, 'known_hosts')
    const hosts = ['alpha', '[alpha]:2222', 'alpha.example.com', '192.0.2.1', '[2001:db8::1]:22022']
    writeFileSync(file, hosts.map((host) => `${host} ${key}\n`).join(''))
    openssh('ssh-keygen', ['-q', '-H', '-f', file])
    const text = openssh('cat', [file])
    expect(text).not.toContain('alpha')
    for (const [index, host] of hosts.entries()) {
      expect(linesHere(text, host)).toEqual([index + 1])
      expect(linesByKeygen(file, host)).toEqual([index + 1])
    }
    expect(linesHere(text, 'beta')).toEqual([])
  })
})

describe('a configuration', () => {
  it('means what ssh -G says', () => {
    using home = scratch()
    const file = join(home.path, 'config')
    mkdirSync(join(home.path, 'more'))
    const more = 'Host gamma\n  Port 2203\n'
    writeFileSync(join(home.path, 'more', 'one'), more)
    const text = [
      'Host alpha beta*',
      '  HostName %h.example.com',
      '  User bob',
      '  IdentityFile /keys/%n-%r',
      'Host beta1 !beta1',
      '  Port 1',
      `Include ${home.path}/more/*`,
      'Match originalhost alpha user bob',
      '  Port 2201',
      '  ConnectTimeout 7',
      'Match final host *.example.com',
      '  HostKeyAlias final-%%',
      'Host *',
      '  User carol',
      '  ServerAliveInterval 20',
      '  ServerAliveCountMax 4',
      '  IdentitiesOnly yes',
      '  UserKnownHostsFile /known/a /known/b',
      '',
    ].join('\n')
    writeFileSync(file, text)
    const included = new Map([
      [`${home.path}/more/*`, [{ path: 'one', text: more, included: new Map() }]],
    ])
    const environment = {
      home: '/home/x',
      user: userInfo().username,
      variables: {},
      projectKnownHosts: null,
    }
    for (const alias of ['alpha', 'beta1', 'beta2', 'gamma', 'Delta']) {
      const said = new Map<string, string[]>()
      for (const line of openssh('ssh', ['-G', '-F', file, alias]).split('\n')) {
        const [keyword = '', ...value] = line.split(' ')
        said.set(keyword, [...(said.get(keyword) ?? []), value.join(' ')])
      }
      const wish = { port: null, user: null, hostKeys: [] }
      const [host] = resolveHost(alias, wish, [{ path: file, text, included }], environment)
      expect({
        hostname: host?.hostname.toLowerCase(),
        port: `${host?.port}`,
        user: host?.user,
        interval: host?.keepaliveMs,
        count: `${host?.keepaliveCount}`,
        only: host?.identitiesOnly,
        known: host?.knownHostsFiles.slice(0, 2).join(' '),
      }).toEqual({
        hostname: said.get('hostname')?.[0],
        port: said.get('port')?.[0],
        user: said.get('user')?.[0],
        interval: Number(said.get('serveraliveinterval')?.[0]) * 1000,
        count: said.get('serveralivecountmax')?.[0],
        only: said.get('identitiesonly')?.[0] === 'yes',
        known: said.get('userknownhostsfile')?.[0],
      })
    }
  })
})
