/** Certificates that Caddy gets by itself, of an authority that looks who asks (ACME, RFC 8555). */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { deployed, Operator } from './operator.ts'
import { upTestLab } from './test-lab.ts'

/** Of the authority that Caddy asks first when nobody names another. */
const AUTHORITY = 'acme-v02.api.letsencrypt.org'
const ROOT = '/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt'
/** Caddy on the third host plays it: it has an authority of its own that speaks ACME. */
const CADDYFILE = `{
	skip_install_trust
}
https://${AUTHORITY} {
	tls internal
	rewrite /directory /acme/local/directory
	acme_server
}
`

let lab: Lab
let folder: string
let operator: Operator
let nodes: readonly Host[]
let root: string

const nameOf = ({ name }: Host): string => `${name}.lattice.test`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aethel-acme-'))
  lab = await upTestLab({ hostCount: 3 })
  operator = new Operator(lab)
  nodes = lab.hosts.slice(0, 2)
  const authority = lab.host('node3')
  await nameEach([
    ...nodes.map((host) => [host.address, nameOf(host)]),
    [authority.address, AUTHORITY],
  ])
  await authority.exec(['sh', '-c', 'cat > /etc/caddy/Caddyfile'], { input: CADDYFILE })
  await authority.exec(['systemctl', 'start', 'caddy'])
  // Until it has a certificate of its own.
  const patience = ['--retry', '30', '--retry-delay', '1', '--retry-all-errors']
  await authority.exec(['curl', '-sSk', ...patience, `https://${AUTHORITY}/directory`])
  root = await authority.readFile(ROOT)
  await writeFile(join(folder, 'root.crt'), root)
  await writeInventory()
  await operator.run('keys')
})
afterAll(async () => {
  operator?.remove()
  await lab?.down()
  rmSync(folder, { recursive: true, force: true })
})

/** What DNS is in the world. */
async function nameEach(names: readonly (readonly string[])[]): Promise<void> {
  const lines = names.map((line) => `${line.join(' ')}\n`).join('')
  for (const host of lab.hosts) {
    await host.exec(['sh', '-c', 'cat >> /etc/hosts'], { input: lines })
  }
  operator.hostsFile = join(folder, 'hosts')
  await writeFile(operator.hostsFile, `127.0.0.1 localhost\n${lines}`)
}

async function writeInventory(): Promise<void> {
  const inventory = parse(await readFile(lab.files.inventory, 'utf8')) as {
    lattice: object
    nodes: { name: string; ssh: object }[]
  }
  const proxied = nodes.map((host) => {
    const node = inventory.nodes.find(({ name }) => name === host.name)
    const ssh = { ...node?.ssh, host: host.address }
    return { ...node, url: `https://${nameOf(host)}`, proxy: 'caddy', ssh }
  })
  const lattice = { ...inventory.lattice, submit: 'open', ca: `file:${folder}/root.crt` }
  await writeFile(lab.files.inventory, stringify({ lattice, nodes: proxied }))
}

/** Has Caddy believe the authority, as every machine does the public ones. It reads them once. */
async function trustAuthority(host: Host): Promise<void> {
  const path = '/usr/local/share/ca-certificates/lab.crt'
  await host.exec(['sh', '-c', `cat > ${path}`], { input: root })
  await host.exec(['update-ca-certificates'])
  await host.exec(['systemctl', 'try-restart', 'caddy'])
}

test('a node whose Caddy gets no certificate is taken back, and it is said what it waits for', async () => {
  const { code, said } = await operator.told('deploy', '--yes')
  expect({ code, said }).toMatchObject({
    code: 1,
    said: {
      result: 'restored',
      failure: {
        message: expect.stringContaining('serves no certificate for its name'),
        hint: expect.stringContaining('journalctl -u caddy'),
      },
    },
  })
})

test('Caddy gets one by itself at the first deploy, and the node is proven through it', async () => {
  await Promise.all(nodes.map(trustAuthority))
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  for (const host of nodes) {
    const target = ['-connect', `${host.address}:443`, '-servername', nameOf(host)]
    const trust = ['-CAfile', join(folder, 'root.crt'), '-verify_return_error']
    const shown = execFileSync('openssl', ['s_client', ...target, ...trust], {
      input: '',
      stdio: 'pipe',
    })
    expect(String(shown)).toContain('Verify return code: 0 (ok)')
    const log = await host.exec(['journalctl', '-u', 'caddy', '-o', 'cat'])
    expect(log).toContain(`"ca":"https://${AUTHORITY}/directory"`)
    expect(log).toContain('certificate obtained successfully')
  }
})

test('a doctor says how long they are valid', async () => {
  const { code, said } = await operator.told('doctor')
  expect({ code, said }).toMatchObject({ code: 0, said: { verdict: 'PASS' } })
  const checks = said.nodes?.flatMap((node) => node.checks ?? []).filter(({ id }) => id === 'tls')
  expect(checks?.map(({ finding }) => finding)).toEqual([
    expect.stringMatching(/by Caddy.*is valid for/),
    expect.stringMatching(/by Caddy.*is valid for/),
  ])
})
