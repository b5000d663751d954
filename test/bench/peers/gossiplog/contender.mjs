import { once } from 'node:events'
import { createServer } from 'node:net'
import { GossipLog } from '@canvas-js/gossiplog/sqlite'
import { multiaddr } from '@multiformats/multiaddr'
import { act, sharedMs } from '../../actor.ts'
import { paced } from '../../pace.ts'

/** An actor: a @canvas-js/gossiplog on disk, with its own WebSocket sync and its own libp2p gossip. */
const PAYLOAD = { from: 'Alice', to: 'Bob', amount: 1 }
const WITHOUT_FLUSH = 'PRAGMA synchronous = OFF'

let log
let libp2p
let count = 0
const arrivals = []
const waits = []

act({
  async open({ directory }) {
    log = new GossipLog({ directory, topic: 'bench', apply: { apply: () => undefined } })
    count = await log.db.count('$messages')
    log.addEventListener('message', ({ detail }) => {
      count += 1
      arrivals.push([detail.id, sharedMs()])
      for (const wait of waits) if (count >= wait.total) wait.resolve(sharedMs())
    })
  },
  async append({ count: appends, concurrency }) {
    const startedMs = sharedMs()
    const writer = async () => {
      for (let done = 0; done < appends / concurrency; done++) await log.append(PAYLOAD)
    }
    await Promise.all(Array.from({ length: concurrency }, writer))
    return sharedMs() - startedMs
  },
  /** Not measured, so not flushed to the disk one by one either. */
  async build({ count: entries }) {
    log.db.db.exec(WITHOUT_FLUSH)
    for (let done = 0; done < entries; done++) await log.append(PAYLOAD)
  },
  size: () => log.db.count('$messages'),
  async serve() {
    const port = await freePort()
    await log.listen(port)
    return { port }
  },
  async connect(/** @type {{ port: number }} */ { port }) {
    const startedMs = sharedMs()
    await log.connect(`ws://127.0.0.1:${port}`)
    return startedMs
  },
  /** When so many entries were held, on the shared clock. */
  reach({ total }) {
    if (count >= total) return sharedMs()
    return new Promise((resolve) => waits.push({ total, resolve }))
  },
  async serveGossip() {
    const port = await freePort()
    await startLibp2p([`/ip4/127.0.0.1/tcp/${port}/ws`])
    return { port, peerId: libp2p.peerId.toString() }
  },
  async connectGossip(/** @type {{ port: number, peerId: string }} */ { port, peerId }) {
    await startLibp2p([])
    await libp2p.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws/p2p/${peerId}`))
  },
  gossipPeers: () => libp2p.services.pubsub.getSubscribers('bench').length,
  /** Writes at a steady pace; each entry's id, and when it was due. */
  writeAll: (/** @type {{ writes: number, perSecond: number }} */ { writes, perSecond }) =>
    paced(writes, perSecond, async (dueMs) => [(await log.append(PAYLOAD)).id, dueMs]),
  /** What came since the last call, each with its time on the shared clock. */
  arrivals: () => arrivals.splice(0),
  close: () => log.close(),
})

async function startLibp2p(listen) {
  libp2p = await log.startLibp2p({ listen, announce: listen, bootstrapList: [] })
}

async function freePort() {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
