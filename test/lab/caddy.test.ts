/** Caddy as the front of nodes on real hosts, beside a site that somebody else has there. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { parse, stringify } from 'yaml'
import { OpenLoop, type LoadReport } from '../cluster/open-loop.ts'
import type { Lab } from './lab.ts'
import { deployed, Operator } from './operator.ts'
import { upTestLab } from './test-lab.ts'

/** Every other one with a handshake of its own, which costs more than the answer. */
const REQUESTS_PER_SECOND = 8
const CADDYFILE = '/etc/caddy/Caddyfile'
const IMPORT = 'import /etc/caddy/aethel-lattice/*.caddy\n'
const THEIRS = '# Somebody’s own.\nhttp://127.0.0.1:8088 {\n\trespond "theirs"\n}\n'
/** What both ends of a libp2p connection begin with. */
const MULTISTREAM = Buffer.from('\x13/multistream/1.0.0\n')

let lab: Lab
let folder: string
let operator: Operator

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aethel-caddy-'))
  lab = await upTestLab()
  operator = new Operator(lab)
  openssl('req', '-x509', '-subj', '/O=Lab/CN=root', '-days', '30', ...newKey('ca'))
  for (const { name, address, exec } of lab.hosts.map(named)) {
    certify(name, address)
    await exec(['sh', '-c', `cat > ${CADDYFILE}`], { input: THEIRS })
    await exec(['systemctl', 'start', 'caddy'])
  }
  const inventory = parse(await readFile(lab.files.inventory, 'utf8')) as {
    lattice: object
    nodes: { name: string }[]
  }
  const nodes = inventory.nodes.map((node) => {
    const { name, address } = lab.host(node.name)
    const tls = { certificate: `file:${folder}/${name}.crt`, key: `file:${folder}/${name}.key` }
    return { ...node, url: `https://${address}`, proxy: 'caddy', tls }
  })
  const lattice = { ...inventory.lattice, submit: 'open', ca: `file:${folder}/ca.crt` }
  await writeFile(lab.files.inventory, stringify({ lattice, nodes }))
  await operator.run('keys')
})
afterAll(async () => {
  operator?.remove()
  await lab?.down()
  rmSync(folder, { recursive: true, force: true })
})

const named = (host: Lab['hosts'][number]) => ({
  name: host.name,
  address: host.address,
  exec: host.exec.bind(host),
})

const openssl = (...args: string[]): void =>
  void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const newKey = (name: string): string[] =>
  NEW_KEY.concat(['-keyout', `${name}.key`, '-out', `${name}.crt`])

/** A certificate of the lab's authority for an address. */
function certify(name: string, address: string): void {
  openssl(
    'req',
    '-x509',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-subj',
    `/CN=${name}`,
    '-days',
    '20',
    ...newKey(name),
    '-addext',
    `subjectAltName=IP:${address}`,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  )
}

async function underLoad(work: () => Promise<unknown>): Promise<LoadReport[]> {
  const ca = readFileSync(join(folder, 'ca.crt'), 'utf8')
  const loops = lab.hosts.map(
    ({ address }) => new OpenLoop(`https://${address}`, REQUESTS_PER_SECOND, ca),
  )
  try {
    await work()
  } finally {
    await Promise.allSettled(loops.map(async (loop) => loop.stop()))
  }
  return Promise.all(loops.map(async (loop) => loop.stop()))
}

const theirs = async (): Promise<string[]> =>
  Promise.all(lab.hosts.map(async (host) => host.exec(['curl', '-s', 'http://127.0.0.1:8088/'])))

test('nodes are served over TLS by Caddy, which goes on with what it had', async () => {
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  for (const host of lab.hosts) {
    expect(await host.exec(['cat', CADDYFILE])).toBe(`${THEIRS}${IMPORT}`)
    expect(
      await host.exec(['stat', '-c', '%U %G %a', `/etc/caddy/aethel-lattice/${host.name}.key`]),
    ).toBe('root caddy 640\n')
  }
  expect(await theirs()).toEqual(['theirs', 'theirs'])
  expect(await operator.told('deploy', '--yes')).toMatchObject({
    code: 0,
    said: { result: 'unchanged' },
  })
})

test('libp2p’s WebSocket passes through it', async () => {
  const [{ address } = { address: '' }] = lab.hosts
  const socket = new WebSocket(`wss://${address}/`, { ca: readFileSync(join(folder, 'ca.crt')) })
  await once(socket, 'open')
  socket.send(MULTISTREAM)
  const [heard] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  expect(heard).toEqual(MULTISTREAM)
})

test('a change under load refuses no request over TLS, and neither does the way back', async () => {
  for (const [what, ...args] of [
    ['deploy', '--yes'],
    ['rollback', '--yes'],
  ] as const) {
    if (what === 'deploy') await operator.setHeartbeat('4s')
    const loads = await underLoad(async () => {
      expect((await operator.told(what, ...args)).said).toMatchObject({ result: 'deployed' })
    })
    for (const load of loads) {
      expect(load.failures).toEqual({})
      expect(load.acknowledged).toBeGreaterThan(REQUESTS_PER_SECOND)
    }
  }
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
})

const SITE = '/etc/caddy/aethel-lattice/node1.caddy'

test.each([
  ['edited', ['sh', '-c', `echo '# mine' >> ${SITE}`]],
  ['not included', ['sed', '-i', '/aethel-lattice/d', CADDYFILE]],
])('a site that is %s by hand is drift, and is mended', async (_how, edit) => {
  const host = lab.host('node1')
  await host.exec(edit)
  const { said } = await operator.told('plan')
  expect(said.changes).toContainEqual(
    expect.objectContaining({ kind: 'drift', node: 'node1', what: 'settings' }),
  )
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  expect(await host.exec(['cat', CADDYFILE])).toBe(`${THEIRS}${IMPORT}`)
  expect((await operator.told('plan')).said.changes).toEqual([])
})

test('another certificate is served once it is deployed', async () => {
  const { address } = lab.host('node2')
  certify('node2', address)
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
  const served = execFileSync('openssl', ['s_client', '-connect', `${address}:443`], {
    input: '',
    stdio: 'pipe',
  })
  const [pem = ''] =
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(String(served)) ?? []
  expect(readFileSync(join(folder, 'node2.crt'), 'utf8').trim()).toBe(pem)
})

test('what Caddy refuses is taken back before it is loaded', async () => {
  const host = lab.host('node2')
  certify('node2', host.address)
  await host.exec(['sh', '-c', `echo 'nonsense {' >> ${CADDYFILE}`])
  const before = await host.exec(['cat', '/etc/caddy/aethel-lattice/node2.crt'])
  const { said } = await operator.told('deploy', '--yes')
  expect(said).toMatchObject({
    result: 'restored',
    failure: { code: 'caddy-refuses', node: 'node2' },
  })
  expect(said.failure?.hint).toMatch(/nonsense|Caddyfile/)
  expect(await host.exec(['cat', '/etc/caddy/aethel-lattice/node2.crt'])).toBe(before)
  await host.exec(['sed', '-i', '/nonsense/d', CADDYFILE])
  expect((await operator.told('deploy', '--yes')).said).toMatchObject(deployed)
})

test('a teardown leaves Caddy with what it had', async () => {
  for (const host of lab.hosts) {
    const args = ['teardown', host.name, '--purge-data', '--confirm', host.name]
    const { code, said } = await operator.told(...args)
    expect(code).toBe(0)
    expect(said.stays).toEqual([expect.stringContaining('package caddy')])
    expect(await host.exec(['cat', CADDYFILE])).toBe(THEIRS)
    expect(await host.exec(['ls', '/etc/caddy'])).toBe('Caddyfile\n')
  }
  expect(await theirs()).toEqual(['theirs', 'theirs'])
})

test('a host without Caddy that cannot install it says so, and nothing of the node is started', async () => {
  const host = lab.host('node1')
  await host.exec(['dpkg', '--purge', 'caddy'])
  expect((await operator.told('plan')).said.changes).toContainEqual(
    expect.objectContaining({ node: 'node1', brings: expect.arrayContaining(['package caddy']) }),
  )
  const { code, said } = await operator.told('deploy', '--yes')
  expect({ code, said }).toMatchObject({
    code: 1,
    said: { failure: { code: 'no-caddy', node: 'node1' } },
  })
  expect((await host.attempt(['systemctl', 'is-active', 'aethel-lattice-node1'])).code).not.toBe(0)
})
