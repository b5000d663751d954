import type { Libp2p, Listener, PrivateKey, Transport } from '@libp2p/interface'
import { gossipsub, StrictNoSign, TopicValidatorResult, type GossipSub } from '@libp2p/gossipsub'
import { identify, type Identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { createHash } from 'node:crypto'
import type { Server } from 'node:http'
import { FRAME_BYTES_MAX } from '../../../wire/limits.ts'
import type { P2pTiming } from './contract.ts'
import { allowOnly } from './gater.ts'
import {
  CONNECTIONS_MAX,
  GOSSIP_RPC_BYTES_MAX,
  GOSSIP_STREAM_BYTES_MAX,
  INBOUND_PENDING_MAX,
  INBOUND_PER_HOST_AND_SECOND_MAX,
  INBOUND_UPGRADE_TIMEOUT_MS,
  STREAM_OPEN_TIMEOUT_MS,
  STREAM_WINDOW_BYTES_MAX,
} from './limits.ts'
import { HTTP_PORT_ADDRESS, WebSocketTransport } from './websocket-transport.ts'

export interface HostOptions {
  privateKey: PrivateKey
  topic: string
  listen: readonly string[]
  announce: readonly string[]
  /** Peer ids that may connect. */
  members: ReadonlySet<string>
  httpServer: Server | null
  timing: P2pTiming
  onStranger: (peerId: string) => void
}

/** One libp2p node. It is started and stopped once; the lung makes a new one for each start. */
export interface Host {
  libp2p: Libp2p<{ identify: Identify; pubsub: GossipSub }>
  /** All listeners that were made, working or not. */
  listeners: Listener[]
  /** What went wrong while listening. */
  listenErrors: Error[]
}

export async function createHost(options: HostOptions): Promise<Host> {
  const listeners: Listener[] = []
  const listenErrors: Error[] = []
  /** libp2p tells neither which addresses a listener took nor, but in prose, why it failed. */
  const recorded = (transport: Transport): Transport => {
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (init) => {
      const listener = createListener(init)
      listener.addEventListener('error', ({ detail }) => listenErrors.push(detail))
      listeners.push(listener)
      return listener
    }
    return transport
  }
  const libp2p = await createLibp2p({
    start: false,
    privateKey: options.privateKey,
    nodeInfo: { name: 'aethel-lattice', userAgent: 'aethel-lattice' },
    addresses: {
      listen: [...options.listen, ...(options.httpServer === null ? [] : [HTTP_PORT_ADDRESS])],
      appendAnnounce: [...options.announce],
    },
    transports: [
      (components) => recorded(tcp()(components)),
      ({ logger }) => recorded(new WebSocketTransport(options.httpServer, logger)),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX } })],
    connectionGater: allowOnly(options.members, options.onStranger),
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      maxIncomingPendingConnections: INBOUND_PENDING_MAX,
      inboundConnectionThreshold: INBOUND_PER_HOST_AND_SECOND_MAX,
      inboundUpgradeTimeout: INBOUND_UPGRADE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: STREAM_OPEN_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: STREAM_OPEN_TIMEOUT_MS,
      addressDialTimeout: options.timing.dialTimeoutMs,
      dialTimeout: options.timing.dialTimeoutMs,
    },
    // Its pings kill healthy links under load; our heartbeat does the work.
    connectionMonitor: { enabled: false },
    services: { identify: identify(), pubsub: gossip(options.topic) },
  })
  libp2p.services.pubsub.topicValidators.set(options.topic, (_peer, message) =>
    message.data.length > FRAME_BYTES_MAX
      ? TopicValidatorResult.Reject
      : TopicValidatorResult.Accept,
  )
  return { libp2p, listeners, listenErrors }
}

/** Gossipsub for a few members who know each other: everyone gets everything, nobody is scored. */
const gossip = (topic: string) =>
  gossipsub({
    allowedTopics: [topic],
    // Entries are signed by their authors and sealed into batches; a second signature proves nothing.
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => createHash('sha256').update(message.data).digest(),
    emitSelf: false,
    floodPublish: true,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    tagMeshPeers: false,
    maxInboundDataLength: GOSSIP_RPC_BYTES_MAX,
    maxOutboundBufferSize: GOSSIP_STREAM_BYTES_MAX,
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
  })
