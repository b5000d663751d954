/** Ways to get nodes.yaml wrong: each ends with 65 and says where, what and what to do. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { builtCli, type BuiltCli } from './built-cli.ts'

let cli: BuiltCli
let cwd: string
let sound: string

beforeAll(async () => {
  cli = await builtCli()
  cwd = mkdtempSync(join(tmpdir(), 'aethel-nodes-yaml-'))
  sound = readFileSync(join(cli.home, 'nodes.yaml'), 'utf8')
})
afterAll(() => {
  cli.remove()
  rmSync(cwd, { recursive: true })
})

/** [what is wrong, what is replaced, by what, what is said at the replacement's line] */
const mistakes: [string, string, string, RegExp][] = [
  [
    'a key that is not known',
    'heartbeat: 5s',
    'hartbeat: 5s',
    /unknown key.*[^]*did you mean "heartbeat"/,
  ],
  ['a unit that is missing', 'heartbeat: 5s', 'heartbeat: 5', /heartbeat/],
  ['a time out of bounds', 'poll: 10s', 'poll: 10m', /poll/],
  ['a word that is no choice', 'policy: auto', 'policy: automatic', /policy/],
  ['text for a switch', 'p2p: true', 'p2p: maybe', /p2p/],
  ['a name that cannot be one', 'name: aethel', 'name: Aethel Lattice', /name/],
  ['a kind that there is not', 'kind: space', 'kind: spaces', /kind/],
  ['a role that there is not', 'role: backup', 'role: spare', /role/],
  [
    'a URL with a path',
    'url: https://api.diotec360.com',
    'url: https://api.diotec360.com/v1',
    /url/,
  ],
  ['a URL without a scheme', 'url: https://api.diotec360.com', 'url: api.diotec360.com', /url/],
  [
    'two nodes with one URL',
    'url: https://backup.diotec360.com',
    'url: https://api.diotec360.com',
    /url/,
  ],
  ['two nodes with one name', 'name: node3-backup', 'name: node2-diotec360', /name/],
  ['a port that there is not', 'p2p_port: 9000', 'p2p_port: 90000', /p2p_port/],
  ['a port that is text', 'http_port: 8000', 'http_port: "8000"', /http_port/],
  [
    'a secret in the open',
    'token: env:HF_TOKEN',
    'token: hf_abcdefghijklmnopqrstuvwxyz0123',
    /token/,
  ],
  ['a folder that is relative', 'root: /opt/aethel-lattice', 'root: opt/aethel', /root/],
  ['an amount that is no whole number', 'Alice: 1000000', 'Alice: 10.5', /Alice/],
  ['a key that stands twice', '  p2p: true', '  p2p: true\n  p2p: true', /p2p/],
  ['a tab', '  topic: aethel/lattice/v1', '\ttopic: aethel/lattice/v1', /tab/i],
  ['a colon too many', 'policy: auto', 'policy: auto: yes', /./],
  ['a Space that has no name', 'space: diotec/aethel', 'space: aethel', /space/],
  ['a local port that is taken by the range', 'p2p_port: 9101', 'p2p_port: 8102', /p2p_port|ports/],
]

it.each(mistakes)('%s', async (_name, right, wrong, said) => {
  expect(sound).toContain(right)
  const at = sound.indexOf(right)
  const line = sound.slice(0, at).split('\n').length
  writeFileSync(
    join(cwd, 'nodes.yaml'),
    sound.slice(0, at) + wrong + sound.slice(at + right.length),
  )

  const { code, out, err } = await cli.run(['plan'], { cwd })
  expect({ code, out }).toEqual({ code: 65, out: '' })
  expect(err).toMatch(said)
  expect(err).toMatch(/\n\nnodes\.yaml:\d+:\d+: /)
  expect(err).toMatch(/\n {2}hint: \S/)
  const lines = [...err.matchAll(/^nodes\.yaml:(\d+):/gm)].map((match) => Number(match[1]))
  expect(Math.min(...lines.map((one) => Math.abs(one - line)))).toBeLessThanOrEqual(1)
  expect(err).not.toContain('hf_abc')
})

it('with --json is one document with every problem', async () => {
  const wrong = sound.replace('policy: auto', 'policy: x').replace('role: backup', 'role: y')
  writeFileSync(join(cwd, 'nodes.yaml'), wrong)
  const { code, out } = await cli.run(['plan', '--json'], { cwd })
  expect(code).toBe(65)
  const { error } = JSON.parse(out)
  expect(error).toMatchObject({ code: 'bad-inventory', hint: expect.any(String) })
  expect(error.problems.map((problem: { path: string }) => problem.path)).toEqual([
    'lattice.policy',
    'nodes[2].role',
  ])
  expect(error.problems[0]).toMatchObject({
    line: expect.any(Number),
    column: expect.any(Number),
    message: expect.any(String),
    hint: expect.any(String),
  })
})

it.each([
  ['not UTF-8', Buffer.from([0xff, 0xfe, 0x00])],
  ['too large', Buffer.alloc(70_000, '#')],
  ['empty', Buffer.from('')],
  ['a list', Buffer.from('- a\n- b\n')],
])('a file that is %s is refused with 65', async (_name, bytes) => {
  writeFileSync(join(cwd, 'nodes.yaml'), bytes)
  const { code, err } = await cli.run(['plan'], { cwd })
  expect(code).toBe(65)
  expect(err).toMatch(/^✘ nodes\.yaml/m)
})
