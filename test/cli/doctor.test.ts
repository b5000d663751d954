/** What `doctor` says to a shell without a terminal. The hosts of `test/lab` show the rest. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { builtCli, type BuiltCli, type Ended } from './built-cli.ts'

let cli: BuiltCli
let cwd: string
beforeAll(async () => {
  cli = await builtCli()
})
afterAll(() => cli.remove())
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'aethel-doctor-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const run = async (line: string): Promise<Ended> => cli.run(line.split(' '), { cwd })

describe('doctor', () => {
  it('looks at this machine before anything was deployed, and leaves no trace', async () => {
    await run('init')
    const { code, out } = await run('doctor --phase local')
    expect(code).toBe(0)
    expect(out).toMatch(/^node1-huggingface http:.*\n {2}✔ PASS {5}disk, memory, node, ports$/m)
    expect(out).toMatch(/✔ PASS.* in .*\. Nothing was changed\.\n$/)
    expect(existsSync(join(cwd, '.lattice'))).toBe(false)
  })

  it('names the program that has a node’s port', async () => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    writeFileSync(
      join(cwd, 'nodes.yaml'),
      `lattice: { name: one, genesis: { Alice: 10 } }
nodes:
  - { name: only, kind: server, role: primary, url: "http://127.0.0.1:8000", ssh: { user: ann } }
local: { http_port: ${port}, p2p_port: ${port === 65_535 ? port - 1 : port + 1} }
`,
    )
    const { code, out } = await run('doctor only --phase local --json')
    other.close()
    expect(code).toBe(1)
    const [node] = (JSON.parse(out) as { nodes: { checks: { id: string }[] }[] }).nodes
    expect(node?.checks.find(({ id }) => id === 'ports')).toMatchObject({
      verdict: 'FAIL',
      finding: expect.stringContaining(`(pid ${process.pid}) listens on ${port} (HTTP)`),
      hint: expect.any(String),
    })
  })

  it('knows the nodes of nodes.yaml only', async () => {
    await run('init')
    expect((await run('doctor nobody')).code).toBe(64)
  })

  it('of a host that nobody reaches is FAIL, and all behind it unknown', async () => {
    writeFileSync(
      join(cwd, 'nodes.yaml'),
      `lattice: { name: one, genesis: { Alice: 10 } }
nodes:
  - { name: only, kind: server, role: primary, url: "http://127.0.0.1:8000", ssh: { user: ann, port: 1 } }
`,
    )
    const { code, out } = await run('doctor')
    expect(code).toBe(1)
    expect(out).toMatch(/✘ FAIL {5}route {2}ann@127\.0\.0\.1:1: nothing listens on that port/)
    expect(out).toMatch(/\? UNKNOWN {2}not seen without logging in: ssh, host-key, .*ports/)
  })
})
