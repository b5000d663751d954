import type {
  ComponentLogger,
  Connection,
  MultiaddrConnection,
  PrivateKey,
  Transport,
  Upgrader,
} from '@libp2p/interface'
import * as multistream from '@libp2p/multistream-select'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import { setMaxListeners } from 'node:events'
import type { ProbeResult } from './contract.ts'
import { within } from './deadline.ts'
import { reasonOf } from './errors.ts'
import { WebSocketTransport } from './websocket-transport.ts'

/** What a probe needs of its lung. */
export interface ProbeSource {
  privateKey: PrivateKey
  logger: ComponentLogger
  /** For one address. */
  timeoutMs: number
}

/** Never a protocol of libp2p's: the peer says that it does not know it, and waits. */
const QUESTION = '/aethel/probe/1'

/**
 * Dials each address afresh until one answers as `peerId`. A dial by libp2p would return the
 * connection that is already there, and replace it on the peer's side if it did not; this one ends
 * where the multiplexer would begin, so neither side ever has a connection. The last step asks for an
 * unknown protocol inside the encrypted channel: a peer answers that only once its gater let us in.
 */
export async function probePeer(
  peerId: string,
  addresses: readonly Multiaddr[],
  source: ProbeSource,
  signal: AbortSignal,
): Promise<ProbeResult> {
  if (addresses.length === 0) return { ok: false, error: 'no address to dial', attempted: [] }
  const attempted: string[] = []
  const errors: string[] = []
  for (const address of addresses) {
    if (signal.aborted) break
    attempted.push(address.toString())
    try {
      const rttMs = await within(source.timeoutMs, signal, (deadline) =>
        probeAddress(peerId, address, source, deadline),
      )
      return { ok: true, rttMs, address: address.toString() }
    } catch (error) {
      errors.push(reasonOf(error))
    }
  }
  return { ok: false, error: errors.join('; ') || reasonOf(signal.reason), attempted }
}

async function probeAddress(
  peerId: string,
  address: Multiaddr,
  source: ProbeSource,
  signal: AbortSignal,
): Promise<number> {
  setMaxListeners(0, signal)
  const { logger } = source
  let rttMs: number | undefined
  const upgrader: Pick<Upgrader, 'upgradeOutbound'> = {
    upgradeOutbound: async (raw: MultiaddrConnection): Promise<Connection> => {
      rttMs = await handshake(raw, peerId, source, signal)
      throw new ProbeDone()
    },
  }
  const transports: Transport[] = [tcp()({ logger }), new WebSocketTransport(null, logger)]
  const transport = transports.find((each) => each.dialFilter([address]).length > 0)
  if (transport === undefined) throw new Error(`no transport for ${address.toString()}`)
  try {
    // The transport aborts the raw connection when its upgrade throws: that closes the probe.
    await transport.dial(address, { signal, upgrader: upgrader as Upgrader })
  } catch (error) {
    if (!(error instanceof ProbeDone)) throw error
  }
  if (rttMs === undefined) throw new Error('probe ended without an answer')
  return rttMs
}

/** Milliseconds of one round trip inside the encrypted channel. */
async function handshake(
  raw: MultiaddrConnection,
  peerId: string,
  { privateKey, logger }: ProbeSource,
  signal: AbortSignal,
): Promise<number> {
  const encrypter = noise()({
    peerId: peerIdFromPrivateKey(privateKey),
    privateKey,
    logger,
    upgrader: { getStreamMuxers: () => new Map() } as unknown as Upgrader,
  })
  await multistream.select(raw, encrypter.protocol, { signal })
  const secured = await encrypter.secureOutbound(raw, {
    signal,
    remotePeer: peerIdFromString(peerId),
    skipStreamMuxerNegotiation: true,
  })
  const askedAtMs = performance.now()
  try {
    await multistream.select(secured.connection, QUESTION, { signal })
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'UnsupportedProtocolError') throw error
  }
  return performance.now() - askedAtMs
}

class ProbeDone extends Error {}
