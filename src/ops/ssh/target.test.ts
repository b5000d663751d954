import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CONFIG_BYTES_MAX } from './limits.ts'
import { resolveTarget } from './target.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'aethel-home-'))
  mkdirSync(join(home, '.ssh'))
  vi.stubEnv('HOME', home)
  vi.stubEnv('SSH_AUTH_SOCK', '/run/agent')
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true })
})

const config = (name: string, ...lines: readonly string[]): void =>
  writeFileSync(join(home, '.ssh', name), lines.map((line) => `${line}\n`).join(''))

const entry = {
  name: 'node2',
  host: 'alpha',
  port: null,
  user: 'deploy',
  hostKeys: [],
  identity: null,
}

describe('the operator’s ssh configuration', () => {
  it('is read with what it includes, in order', async () => {
    mkdirSync(join(home, '.ssh', 'more'))
    config(
      'config',
      'Include more/* none',
      'Host alpha',
      '  HostName alpha.example.com',
      '  Port 9',
    )
    config('more/1', 'Host alpha', '  Port 2201', '  Include deeper')
    config('more/2', 'Host alpha', '  Port 2202')
    config('deeper', 'IdentityFile ~/.ssh/deploy')
    const { hops } = await resolveTarget(entry, '/project/.lattice/known_hosts')
    expect(hops).toHaveLength(1)
    expect(hops[0]).toMatchObject({
      alias: 'alpha',
      hostname: 'alpha.example.com',
      port: 2201,
      user: 'deploy',
      knownAs: '[alpha.example.com]:2201',
      identityFiles: [join(home, '.ssh/deploy')],
      agentSocket: '/run/agent',
    })
    expect(hops[0]?.knownHostsFiles.slice(0, 2)).toEqual([
      '/project/.lattice/known_hosts',
      join(home, '.ssh/known_hosts'),
    ])
  })

  it('may be missing', async () => {
    const { hops } = await resolveTarget(entry, null)
    expect(hops).toMatchObject([{ hostname: 'alpha', port: 22, user: 'deploy', knownAs: 'alpha' }])
  })

  it.each([
    ['too large', () => config('config', '#'.repeat(CONFIG_BYTES_MAX)), /larger than/],
    ['a folder', () => mkdirSync(join(home, '.ssh', 'config')), /is no file/],
    ['one that includes itself', () => config('config', 'Include config'), /are included/],
    ['broken', () => config('config', 'Host "alpha'), /quote that is not closed/],
  ])('is refused when it is %s', async (_what, make, message) => {
    make()
    await expect(resolveTarget(entry, null)).rejects.toMatchObject({
      exit: 'badInput',
      message: expect.stringMatching(message),
    })
  })
})
