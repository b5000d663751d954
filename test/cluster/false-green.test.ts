import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request, type RequestListener, type Server } from 'node:http'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { freePorts } from '../free-ports.ts'
import { Cluster, NOTICE_MS_MAX, until } from './cluster.ts'
import { LocalLattice } from './local-lattice.ts'

/** The node whose place something else takes. */
const VICTIM = 'node3-backup'

let lattice: LocalLattice
let impostor: Server | undefined
beforeAll(async () => {
  lattice = await LocalLattice.prepare()
  await lattice.deploy()
})
beforeEach(async () => {
  await lattice.deploy()
})
afterEach(async () => {
  impostor?.closeAllConnections()
  await new Promise((resolve) => (impostor === undefined ? resolve(null) : impostor.close(resolve)))
  impostor = undefined
})
afterAll(() => lattice.remove())

/** Takes the victim down and answers at its address instead. */
async function impersonate(answer: RequestListener): Promise<void> {
  await lattice.run('down', VICTIM)
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(lattice.httpPort + 2, '127.0.0.1', resolve))
  impostor = server
}

/** Hands every request on to another port, and its answer back through `change`. */
function passOnTo(
  port: number,
  change: (path: string, body: string) => string = (_, body) => body,
): RequestListener {
  return (incoming, outgoing) => {
    const { method, url: path = '/', headers } = incoming
    const asked = request({ port, host: '127.0.0.1', method, path, headers }, (answered) => {
      const chunks: Buffer[] = []
      answered.on('data', (chunk: Buffer) => chunks.push(chunk))
      answered.on('end', () => {
        const isText = answered.headers['content-type']?.startsWith('application/json') === true
        const body = Buffer.concat(chunks)
        const { 'content-length': _, ...rest } = answered.headers
        outgoing.writeHead(answered.statusCode ?? 502, rest)
        outgoing.end(isText ? change(path, body.toString('utf8')) : body)
      })
    })
    asked.on('error', () => outgoing.destroy())
    incoming.pipe(asked)
  }
}

/** What no false green looks like: neither the whole nor the check passed, and the exit code says so. */
const FOUND_OUT = { isPass: false, isCheckPass: false, isCodeTrue: true }

async function verdictOn(checkId: string): Promise<typeof FOUND_OUT> {
  const { code, document } = await lattice.verify()
  const check = document.checks.find((one) => one.id === checkId)
  return {
    isPass: document.verdict === 'PASS',
    isCheckPass: check?.verdict === 'PASS',
    isCodeTrue: code === (document.verdict === 'FAIL' ? 1 : 2),
  }
}

test('HTML with 200 is no node', async () => {
  await impersonate((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/html' })
    outgoing.end('<!doctype html><title>diotec/aethel - a Hugging Face Space</title>')
  })
  expect(await verdictOn('identity')).toEqual(FOUND_OUT)
})

test('two addresses of one process are one node', async () => {
  await impersonate(passOnTo(lattice.httpPort + 1))
  expect(await verdictOn('identity')).toEqual(FOUND_OUT)
})

test('a null root is not agreement', async () => {
  // The node itself, moved to another port, behind a door that empties its roots.
  const inner = await freePorts(1)
  const home = join(lattice.directory, '.lattice/local/nodes', VICTIM)
  await impersonate(
    passOnTo(inner, (path, body) =>
      path.startsWith('/api/lattice/state') || path.startsWith('/api/lattice/health')
        ? body.replaceAll(/"(merkle_root|state_root)":"[0-9a-f]{64}"/g, '"$1":null')
        : body,
    ),
  )
  const child = spawn(process.execPath, [join(home, 'current/release/node.mjs')], {
    cwd: join(home, 'shared'),
    env: { PATH: process.env['PATH'], AETHEL_HTTP_PORT: String(inner) },
    stdio: 'ignore',
  })
  try {
    await until(
      'the node answers',
      NOTICE_MS_MAX,
      async () => (await fetch(`http://127.0.0.1:${inner}/livez`)).ok,
    )
    expect(await verdictOn('roots')).toEqual(FOUND_OUT)
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
})

test('a node with a key of another lattice is a stranger', async () => {
  const other = await Cluster.create({ nodeCount: 1 })
  try {
    await lattice.run('down', VICTIM)
    const stranger = other.node(0)
    const port = String(lattice.httpPort + 2)
    stranger.environment = {
      ...stranger.environment,
      AETHEL_HTTP_PORT: port,
      AETHEL_MEMBERS: `node1=${stranger.peerId}@http://127.0.0.1:${port}`,
    }
    stranger.spawn()
    await until(
      'the stranger answers',
      NOTICE_MS_MAX,
      async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok,
    )
    expect(await verdictOn('identity')).toEqual(FOUND_OUT)
  } finally {
    await other.stop()
  }
})

test('a store that was edited behind the node’s back is found out', async () => {
  const [node] = await lattice.nodes()
  if (node === undefined) throw new Error('no node')
  const data = join(lattice.directory, '.lattice/local/nodes', node.name, 'shared/data')
  await lattice.run('down', node.name)
  const file = readdirSync(data).find((name) => name.endsWith('.sqlite')) ?? ''
  const database = new DatabaseSync(join(data, file))
  database.exec(
    'UPDATE entry SET signature = (SELECT zeroblob(64)) WHERE seq = (SELECT max(seq) FROM entry)',
  )
  database.close()

  const { code } = await lattice.run('deploy', '--yes')
  expect(code).not.toBe(0)
  expect(await verdictOn('identity')).toEqual(FOUND_OUT)
})
