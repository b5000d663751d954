import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below what systems give to sockets that ask for any port. A port from there, once looked at and
 * let go, could be given to the next relay or to an outgoing connection before its node starts.
 */
const RANGE = { from: 10_000, to: 30_000 }
const TRIES = 200

const given = new Set<number>()

/**
 * The first of `count` neighbouring TCP ports on loopback that nobody listens on. This process gets
 * each of them only once.
 */
export async function freePorts(count: number): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const first = randomInt(RANGE.from, RANGE.to - count)
    const run = Array.from({ length: count }, (_, index) => first + index)
    if (run.some((port) => given.has(port))) continue
    const free = await Promise.all(run.map(isFree))
    if (!free.every(Boolean)) continue
    for (const port of run) given.add(port)
    return first
  }
  throw new Error(`no ${count} neighbouring free ports in ${TRIES} tries`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
