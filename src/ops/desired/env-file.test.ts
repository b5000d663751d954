import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { variables } from '../../wire/settings.ts'
import { parseInventory } from '../inventory/read.ts'
import { formatEnv, groups } from './env-file.ts'
import { desiredFiles, renderLattice } from './files.ts'
import type { HostParts } from './host-files.ts'
import { desiredLattice } from './lattice.ts'

const open = Object.values(variables).filter((one) => !('secret' in one))
const refusalOf = (value: string): unknown => {
  try {
    return formatEnv({ AETHEL_P2P_TOPIC: value })
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('an .env', () => {
  it('has a place for every variable that is no secret, once', () => {
    const placed = groups.flatMap(([, keys]) => keys)
    expect(placed.toSorted()).toEqual(Object.keys(variables).toSorted())
    const all = Object.fromEntries(open.map(({ name }) => [name, `x-${name}`]))
    expect({ ...parseEnv(formatEnv(all)) }).toEqual(all)
  })

  it('says of each variable, in one line, what it is for', () => {
    for (const { about } of Object.values(variables)) expect(about).toMatch(/^\S[^\r\n]*\.$/)
    expect(formatEnv({ AETHEL_HTTP_PORT: '8000', AETHEL_NODE_NAME: 'a' })).toBe(`## This node

# This node’s name among the members.
AETHEL_NODE_NAME=a

## HTTP

# Port of the HTTP API, the page and the WebSocket.
AETHEL_HTTP_PORT=8000
`)
  })

  it('gives every value back, or refuses it', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.string({
        unit: fc.constantFrom(
          "'",
          '"',
          '`',
          '\\',
          '$',
          '#',
          '=',
          ' ',
          '!',
          '\n',
          '\0',
          'n',
          'é',
          '\u2028',
        ),
      }),
    )
    const refusals: unknown[] = []
    let written = 0
    const around = { AETHEL_HTTP_HOST: 'before', AETHEL_SUBMIT: 'after' }
    fc.assert(
      fc.property(value, fc.constantFrom(...open), (text, { name }) => {
        const environment = { ...around, [name]: text }
        try {
          formatEnv(environment)
        } catch (error) {
          refusals.push((error as { code?: unknown }).code)
          return
        }
        written += 1
        expect({ ...parseEnv(formatEnv(environment)) }).toEqual(environment)
      }),
      { numRuns: 800 },
    )
    expect(new Set(refusals)).toEqual(new Set(['unwritable-value']))
    expect(Math.min(written, refusals.length)).toBeGreaterThan(100)
  })

  it.each([
    'a\nAETHEL_SUBMIT=open',
    'a\rb',
    'a\u0000b',
    'a\u001b[2J',
    'a\u2028b',
    `'"`,
    `'$(id)`,
    "'`id`",
  ])('refuses %j', (value) => {
    expect(refusalOf(value)).toBe('unwritable-value')
  })

  it('means the same to a shell', () => {
    const values = [
      'a b',
      '#x',
      '$HOME',
      "it's",
      '`id`',
      '"q"',
      '\\n',
      'é=日',
      '',
      'a=b@c:d/e,f+g',
      '!!',
    ]
    for (const value of values) {
      const script = `set -a; ${formatEnv({ AETHEL_P2P_TOPIC: value })}\nprintf %s "$AETHEL_P2P_TOPIC"`
      expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(value)
    }
  })

  it('takes no secret and no variable that nobody reads', () => {
    expect(() => formatEnv({ AETHEL_NODE_KEY: 'ab'.repeat(32) })).toThrow(
      'AETHEL_NODE_KEY is a secret',
    )
    expect(() => formatEnv({ AETHEL_NODE_NAEM: 'x' })).toThrow('AETHEL_NODE_NAEM is not a variable')
  })
})

describe('the files of a node', () => {
  const host: HostParts = {
    templates: {
      service: 'service',
      socket: 'socket',
      caddy: '{{url}} {{tls}}',
      firewall: '{{rules}}',
    },
    ca: null,
    nodeVersion: '26.10.0',
    flags: [],
    entry: 'node.mjs',
  }
  const inventory = parseInventory(
    readFileSync(join(import.meta.dirname, '../inventory/testdata/sound.yaml'), 'utf8'),
    '/nodes.yaml',
  )
  const peerId = (n: string): string => `12D3KooW${n.repeat(44)}`
  const peerIds = new Map([
    ['node1', peerId('a')],
    ['node2', peerId('b')],
    ['node3', peerId('c')],
  ])
  const lattice = desiredLattice(inventory, 'full', peerIds, [])

  it('lie in a folder of the node’s name, closed to others where they hold settings', () => {
    expect(renderLattice(lattice, host).map(({ path, mode }) => [path, mode.toString(8)])).toEqual(
      ['node1', 'node2', 'node3'].flatMap((name) => [
        [`${name}/.env`, '600'],
        [`${name}/bootstrap.txt`, '644'],
        [`${name}/peers.txt`, '644'],
        ...(name === 'node1'
          ? []
          : ['service', 'socket'].map((kind) => [
              `${name}/host/aethel-lattice-${name}.${kind}`,
              '644',
            ])),
      ]),
    )
  })

  it('say where the key is, which is not in them', () => {
    const heads = lattice.nodes.map(
      (node) => desiredFiles(lattice, node, host)[0]?.text.split('\n\n')[0],
    )
    expect(heads[0]).toBe(`# node1: public node of the lattice aethel, a Hugging Face Space.
# Made by aethel-lattice from nodes.yaml: change it there, a change here is lost.
# These are variables of the Space. Its secrets are set on the hub and stand in no file:
#   AETHEL_NODE_KEY`)
    expect(heads[1]).toBe(`# node2: primary node of the lattice aethel, a server.
# Made by aethel-lattice from nodes.yaml: change it there, a change here is lost.
# What the process finds in its environment wins over this file.
# The node's key is not in here; it is in node.key.`)
  })

  it('list one address a line', () => {
    const [, bootstrap, peers] = desiredFiles(lattice, lattice.nodes[2] ?? never(), host)
    expect(bootstrap?.text).toBe(
      `/dns4/owner-name.hf.space/tcp/443/tls/ws/p2p/${peerId('a')}\n/dns4/api.example.com/tcp/9000/p2p/${peerId('b')}\n`,
    )
    expect(peers?.text).toBe('https://owner-name.hf.space\nhttps://api.example.com\n')
  })
})

function never(): never {
  throw new Error('no such node')
}
