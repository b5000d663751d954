import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { bitswap } from '@helia/block-brokers'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createOrbitDB } from '@orbitdb/core'
import { LevelBlockstore } from 'blockstore-level'
import { createHelia } from 'helia'
import { createLibp2p } from 'libp2p'
import { act, sharedMs } from '../../actor.ts'
import { paced } from '../../pace.ts'

/** An actor: an @orbitdb/core event log on disk, over helia and libp2p as its own guide puts them together. */
// Copies of a log sign with the same key, so equal payloads would be the same entry.
const PAYLOAD = { from: 'Alice', to: 'Bob', amount: process.pid }

let libp2p
let orbitdb
let database
const arrivals = []
const waits = []

const commands = {
  async open({ directory, isJoining = false }) {
    libp2p = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        pubsub: gossipsub({ allowPublishToZeroTopicPeers: true, emitSelf: false }),
      },
    })
    const blockstore = new LevelBlockstore(join(directory, 'blocks'))
    await blockstore.open()
    const ipfs = await createHelia({ libp2p, blockstore, blockBrokers: [bitswap()], routers: [] })
    orbitdb = await createOrbitDB({ ipfs, id: 'bench', directory: join(directory, 'orbitdb') })
    if (!isJoining) await commands.openLog({ address: 'bench' })
  },
  async openLog({ address }) {
    database = await orbitdb.open(address)
    database.events.on('error', (error) => process.stderr.write(`orbitdb: ${String(error)}\n`))
    database.events.on('update', ({ hash }) => {
      arrivals.push([hash, sharedMs()])
      for (const wait of waits) if (wait.head === hash) wait.resolve(sharedMs())
    })
  },
  async append({ count, concurrency }) {
    const startedMs = sharedMs()
    const writer = async () => {
      for (let done = 0; done < count / concurrency; done++) await database.add(PAYLOAD)
    }
    await Promise.all(Array.from({ length: concurrency }, writer))
    return sharedMs() - startedMs
  },
  async build({ count }) {
    await commands.append({ count, concurrency: 1 })
  },
  async size() {
    let count = 0
    for await (const _ of database.iterator()) count += 1
    return count
  },
  async serve() {
    const [head] = await database.log.heads()
    const port = Number(libp2p.getMultiaddrs()[0].toString().split('/')[4])
    return { port, peerId: libp2p.peerId.toString(), address: database.address, head: head?.hash }
  },
  async connect({ port, peerId, address }) {
    const startedMs = sharedMs()
    await libp2p.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`))
    // A log that is not here yet is described by a block that only the other has.
    if (database === undefined) await commands.openLog({ address })
    return startedMs
  },
  /** When the log of the other with this head was taken over, on the shared clock. */
  reach: ({ head: awaited }) => new Promise((resolve) => waits.push({ head: awaited, resolve })),
  serveGossip: () => commands.serve(),
  connectGossip: (address) => commands.connect(address),
  gossipPeers: () => libp2p.services.pubsub.getSubscribers(database.address).length,
  writeAll: (/** @type {{ writes: number, perSecond: number }} */ { writes, perSecond }) =>
    paced(writes, perSecond, async (dueMs) => [await database.add(PAYLOAD), dueMs]),
  arrivals: () => arrivals.splice(0),
  async close() {
    await orbitdb.stop()
    await orbitdb.ipfs.stop()
  },
}
act(commands)
