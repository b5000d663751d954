import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { act, sharedMs } from './actor.ts'

/**
 * An actor: TCP links, dialled on loopback, that take as long as a real one, and count what passes. Whoever
 * connects to a held link waits until it is released, as for a network that comes back.
 */
interface Link {
  targetHost: string
  targetPort: number
  rttMs: number
  /** Null while the link is held. */
  releasedAtMs: number | null
  waiting: (() => void)[]
  bytes: number
  connections: Traffic[]
}

interface Traffic {
  /** One for the handshake, and one for each time that the dialler speaks after it was answered. */
  roundTrips: number
  /** When the other end hears what was counted last: what it says before is no answer to that. */
  heardAtMs: number
  isAnswered: boolean
}

export interface LinkTraffic {
  bytes: number
  connections: number
  /** Of the connection that took the most. */
  roundTrips: number
}

const links = new Map<number, Link>()

act({
  async open({
    targetHost = '127.0.0.1',
    targetPort,
    rttMs,
    isHeld,
    listen = { host: '127.0.0.1', port: 0 },
  }: {
    targetHost?: string
    targetPort: number
    rttMs: number
    isHeld: boolean
    listen?: { host: string; port: number }
  }) {
    const link: Link = {
      targetHost,
      targetPort,
      rttMs,
      releasedAtMs: isHeld ? null : sharedMs(),
      waiting: [],
      bytes: 0,
      connections: [],
    }
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) =>
      accept(link, near),
    )
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(listen.port, listen.host, resolve)
    })
    const { port } = server.address() as AddressInfo
    links.set(port, link)
    return port
  },
  hold({ port }: { port: number }) {
    linkOf(port).releasedAtMs = null
  },
  /** Returns when, on the shared clock. */
  release({ ports }: { ports: number[] }) {
    const nowMs = sharedMs()
    for (const link of ports.map(linkOf)) {
      link.releasedAtMs = nowMs
      for (const go of link.waiting.splice(0)) go()
    }
    return nowMs
  },
  traffic({ port }: { port: number }): LinkTraffic {
    const { bytes, connections } = linkOf(port)
    const roundTrips = Math.max(0, ...connections.map((one) => one.roundTrips))
    return { bytes, connections: connections.length, roundTrips }
  },
  /** Forgets what passed so far. */
  reset({ port }: { port: number }) {
    Object.assign(linkOf(port), { bytes: 0, connections: [] })
  },
})

function linkOf(port: number): Link {
  const link = links.get(port)
  if (link === undefined) throw new Error(`no link ${port}`)
  return link
}

function accept(link: Link, near: Socket): void {
  near.pause()
  const far = connect({
    port: link.targetPort,
    host: link.targetHost,
    noDelay: true,
    allowHalfOpen: true,
  })
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.on('error', () => to.destroy())
    // Not before what is still on its way.
    from.on('close', () => setTimeout(() => to.destroy(), link.rttMs))
  }
  const go = (): void => {
    const traffic = { roundTrips: 1, heardAtMs: 0, isAnswered: true }
    link.connections.push(traffic)
    // The handshake takes a round trip before the first byte.
    setTimeout(() => {
      pass(link, traffic, near, far, true)
      pass(link, traffic, far, near, false)
    }, link.rttMs)
  }
  if (link.releasedAtMs === null) link.waiting.push(go)
  else go()
}

function pass(link: Link, traffic: Traffic, from: Socket, to: Socket, isDialler: boolean): void {
  const later = (action: () => void): void => {
    if (link.rttMs === 0) action()
    else setTimeout(action, link.rttMs / 2)
  }
  from.on('data', (chunk: Buffer) => {
    link.bytes += chunk.length
    const nowMs = performance.now()
    if (isDialler && traffic.isAnswered) {
      traffic.roundTrips += 1
      traffic.heardAtMs = nowMs + link.rttMs / 2
      traffic.isAnswered = false
    }
    later(() => {
      if (!isDialler && nowMs >= traffic.heardAtMs) traffic.isAnswered = true
      if (!to.write(chunk) && !from.isPaused()) {
        from.pause()
        to.once('drain', () => from.resume())
      }
    })
  })
  from.on('end', () => later(() => to.end()))
  from.resume()
}
