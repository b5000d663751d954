import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { receiptAnswer } from '../../wire/api.ts'
import { paths } from '../../wire/protocol.ts'
import { createApi } from './index.ts'
import { tokens } from './lattice.fixture.ts'
import { bearer, dial, serve } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

const timed = async (work: () => Promise<void>): Promise<number> => {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

test('closing with idle connections, streams and waits under way takes no time', async () => {
  const { api, get, node, url } = await serve()
  await get(paths.livez)
  const stream = await get(paths.changes)
  const waiting = get(`${paths.receipt}/${node.author}/0?wait=final&timeout_ms=30000`)
  await expect.poll(() => node.waits.length).toBe(1)

  expect(await timed(async () => api.close())).toBeLessThan(1000)
  expect(receiptAnswer.parse(await (await waiting).json())).toMatchObject({ reached: false })
  expect(await stream.text()).toContain('event: checkpoint')
  expect(node.subscriberCount).toBe(0)
  await expect(fetch(url + paths.livez)).rejects.toThrow('fetch failed')
})

test('closing cuts an answer that does not end', async () => {
  const { api, get, node } = await serve(new FakeNode(), { limits: { closeTimeoutMs: 300 } })
  node.probeDelayMs = 10_000
  const probe = node.probe.bind(node)
  node.probe = async (peer, transport) => probe(peer, transport, new AbortController().signal)
  const probing = get(paths.probe, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(tokens.control) },
    body: JSON.stringify({ peer: 'beta', transport: 'http' }),
  })
  const cut = probing.then(
    () => 'answered',
    () => 'cut',
  )
  await expect.poll(() => node.probed).toEqual(['beta'])
  const tookMs = await timed(async () => api.close())
  expect(tookMs).toBeGreaterThan(250)
  expect(tookMs).toBeLessThan(1500)
  expect(await cut).toBe('cut')
})

test('closing twice, or before listening, is no error', async () => {
  const { api } = await serve()
  await Promise.all([api.close(), api.close()])
  expect(await timed(async () => api.close())).toBeLessThan(1000)
  const unheard = createApi(new FakeNode(), { pageDir: null, log: pino({ enabled: false }) })
  expect(await timed(async () => unheard.close())).toBeLessThan(1000)
})

test('the port is free as soon as the API is closed', async () => {
  const first = await serve()
  await first.api.close()
  const second = createApi(new FakeNode(), { pageDir: null, log: pino({ enabled: false }) })
  expect(await second.listen('127.0.0.1', first.port)).toEqual({ port: first.port })
  await second.close()
})

test('a port that is taken is told', async () => {
  const { port } = await serve()
  const second = createApi(new FakeNode(), { pageDir: null, log: pino({ enabled: false }) })
  await expect(second.listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await second.close()
})

test('upgrades are whoever’s listens for them, and survive a close', async () => {
  const { api, port, get } = await serve(new FakeNode(), { limits: { answerStallMs: 100 } })
  expect(api.server.listenerCount('upgrade')).toBe(0)
  let upgraded: Duplex | null = null
  api.server.on('upgrade', (_request, socket) => {
    upgraded = socket
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
    socket.on('data', (bytes) => socket.write(bytes))
  })
  const socket = await dial(port)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
  expect(String((await once(socket, 'data'))[0])).toContain('101')
  const echo = async (): Promise<string> => {
    socket.write('still there')
    return String((await once(socket, 'data'))[0])
  }
  expect(await echo()).toBe('still there')
  expect((await get(paths.livez)).status).toBe(200)
  expect(await timed(async () => api.close())).toBeLessThan(1000)
  expect(await echo()).toBe('still there')
  socket.destroy()
  ;(upgraded as Duplex | null)?.destroy()
})

test('an upgrade that nobody takes is a request like any other', async () => {
  const { port } = await serve()
  const socket = await dial(port)
  socket.write(
    `GET ${paths.livez} HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n`,
  )
  expect(await text(socket)).toContain('alive')
})

test('a page directory without a page refuses the start', () => {
  const pageDir = mkdtempSync(join(tmpdir(), 'aethel-page-'))
  const log = pino({ enabled: false })
  expect(() => createApi(new FakeNode(), { pageDir, log })).toThrow('no index.html')
  expect(() => createApi(new FakeNode(), { pageDir: join(pageDir, 'none'), log })).toThrow('ENOENT')
  rmSync(pageDir, { recursive: true })
})
