import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Health, ProbeAnswer, Receipt } from '../../../wire/api.ts'
import type { Attestation } from '../../../wire/attestation.ts'
import { missingRanges, totalOf } from '../../../wire/frontier.ts'
import { checkpointViewOf, entryViewOf } from '../../../wire/ledger-view.ts'
import { ENTRIES_PER_FRAME_MAX } from '../../../wire/limits.ts'
import { paths, SYNC_MEDIA_TYPE } from '../../../wire/protocol.ts'
import { verifySignature } from '../../../wire/signature.ts'
import { decodeSyncRequest, encodeFrame, prefixed } from '../../../wire/sync.ts'
import { fakeExtension, fakeInclusion } from './fake-proofs.ts'
import { FakeReplica } from './fake-replica.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

/** A node's HTTP API over a fake replica: a real server on loopback, with places to lie. */
export class FakeNode {
  readonly replica: FakeReplica
  /** The other nodes; what is written here reaches those that are connected, at once. */
  peers: FakeNode[] = []
  readonly cutOff = new Set<string>()
  /** Answers in place of the node's own, by path. */
  readonly instead = new Map<string, Handler>()
  lies: Partial<Attestation> = {}
  healthLies: Partial<Health> = {}
  probeLies: Partial<ProbeAnswer> = {}
  clockOffsetMs = 0
  /** Bearer token for control actions; null: anybody. */
  token: string | null = null
  /** `METHOD path` of every request, and its token. */
  readonly requests: { line: string; authorization: string | undefined }[] = []
  readonly #server: Server
  #url = ''

  constructor(name: string, lattice: string) {
    this.replica = new FakeReplica(name, lattice)
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  get url(): string {
    return this.#url
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  write(): ReturnType<FakeReplica['write']> {
    const signed = this.replica.write()
    for (const peer of this.#connected()) peer.replica.take(signed)
    return signed
  }

  #connected(): FakeNode[] {
    return this.peers.filter(
      (peer) => !this.cutOff.has(peer.replica.name) && !peer.cutOff.has(this.replica.name),
    )
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://node').pathname
    this.requests.push({
      line: `${request.method} ${path}`,
      authorization: request.headers.authorization,
    })
    const body = await buffer(request)
    const handler = this.instead.get(path) ?? this.instead.get('*') ?? this.#handlerOf(path)
    handler(request, response, body)
  }

  #handlerOf(path: string): Handler {
    const json =
      (value: unknown): Handler =>
      (_request, response) =>
        sendJson(response, 200, value)
    if (path.startsWith(`${paths.receipt}/`)) return json(this.#receiptAnswer(path))
    if (path.startsWith(`${paths.entries}/`)) return json(this.#entryAnswer(path))
    if (path.startsWith(`${paths.inclusion}/`)) {
      return (request, response) => this.inclusion(request, response)
    }
    switch (path) {
      case paths.attest:
        return (_request, response, body) => this.attest(response, body)
      case paths.sync:
        return (_request, response, body) => this.sync(response, body)
      case paths.canary:
        return this.#guarded((_request, response) =>
          sendJson(response, 200, {
            success: true,
            receipt: this.#receipt(this.write().entry.seq),
          }),
        )
      case paths.checkpoint:
        return json({ success: true, checkpoint: checkpointViewOf(this.replica.checkpoint()) })
      case paths.consistency:
        return (_request, response, body) => this.extension(response, body)
      case paths.probe:
        return this.#guarded((_request, response, body) => {
          const asked = JSON.parse(body.toString()) as { peer: string; transport: 'p2p' | 'http' }
          const answer = { result: 'reached', rtt_ms: 1, address: null, error: null, live: true }
          sendJson(response, 200, { success: true, ...asked, ...answer, ...this.probeLies })
        })
      case paths.health:
        return json(this.health())
      case paths.state:
        return json({
          success: true,
          merkle_root: this.replica.rootAt(this.replica.frontier()),
          state_root: this.replica.stateRoot(),
          state: { Alice: 1_000_000, Bob: 1_000_000 },
          state_size: 2,
          total: 2_000_000,
          signed: false,
        })
      case paths.integrity:
        return json({
          success: true,
          is_valid: true,
          status: 'VALID',
          merkle_root: this.replica.rootAt(this.replica.frontier()),
          message: 'all is well',
          entries_checked: totalOf(this.replica.frontier()),
          age_ms: 0,
        })
      case paths.livez:
      case paths.readyz:
        return json({ success: true })
      default:
        return (_request, response) =>
          sendJson(response, 404, { success: false, code: 'not-found', message: `no ${path} here` })
    }
  }

  #guarded(handler: Handler): Handler {
    return (request, response, body) => {
      if (this.token === null || request.headers.authorization === `Bearer ${this.token}`) {
        return handler(request, response, body)
      }
      sendJson(response, 401, {
        success: false,
        code: 'unauthorized',
        message: 'a token is needed',
      })
    }
  }

  attest(response: ServerResponse, body: Buffer): void {
    const { nonce, cut } = JSON.parse(body.toString()) as {
      nonce: string
      cut?: Record<string, number>
    }
    const frontier = cut === undefined ? null : new Map(Object.entries(cut))
    if (frontier !== null && this.replica.rootAt(frontier) === null) {
      sendJson(response, 409, {
        success: false,
        code: 'unknown-cut',
        message: 'the cut is not covered',
      })
      return
    }
    const nowMs = Date.now() + this.clockOffsetMs
    const { bytes, signature } = this.replica.attest(nonce, frontier, nowMs, this.lies)
    sendJson(response, 200, {
      success: true,
      statement: base64(bytes),
      signature: base64(signature),
    })
  }

  sync(response: ServerResponse, body: Buffer): void {
    const { frontier } = decodeSyncRequest(body, verifySignature)
    response.setHeader('content-type', SYNC_MEDIA_TYPE)
    response.write(
      prefixed(encodeFrame({ kind: 'checkpoint', checkpoint: this.replica.checkpoint() })),
    )
    let entryCount = 0
    for (const { author, from, to } of missingRanges(frontier, this.replica.frontier())) {
      for (let start = from; start < to; start += ENTRIES_PER_FRAME_MAX) {
        const end = Math.min(to, start + ENTRIES_PER_FRAME_MAX)
        const entries = (this.replica.log.get(author) ?? []).slice(start, end)
        response.write(prefixed(encodeFrame({ kind: 'entries', entries })))
        entryCount += entries.length
      }
    }
    response.end(prefixed(encodeFrame({ kind: 'end', entryCount })))
  }

  inclusion(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://node')
    const size = Number(searchParams.get('size'))
    sendJson(response, 200, fakeInclusion(this.replica, placeIn(pathname), size))
  }

  extension(response: ServerResponse, body: Buffer): void {
    const { frontier } = JSON.parse(body.toString()) as { frontier: Record<string, number> }
    const earlier = new Map(Object.entries(frontier))
    if (this.replica.rootAt(earlier) !== null) {
      return sendJson(response, 200, fakeExtension(this.replica, earlier))
    }
    sendJson(response, 409, { success: false, code: 'unknown-cut', message: 'not signed' })
  }

  #entryAnswer(path: string): object {
    const { author, seq } = placeIn(path)
    const signed = this.replica.log.get(author)?.[seq]
    return signed === undefined
      ? { success: false, code: 'not-found', message: 'no such entry' }
      : { success: true, entry: entryViewOf(signed) }
  }

  #receipt(seq: number, author = this.replica.author): Receipt | null {
    const signed = this.replica.log.get(author)?.[seq]
    if (signed === undefined) return null
    return {
      author,
      seq,
      id: signed.id,
      level: 'local',
      replicas: 1,
      outcome: 'applied',
      provisional: true,
      reason: null,
      via: author === this.replica.author ? 'local' : 'P2P',
      age_ms: 1,
    }
  }

  #receiptAnswer(path: string): { success: boolean; receipt: Receipt | null; reached: boolean } {
    const [author = '', seq = ''] = path.slice(paths.receipt.length + 1).split('/')
    const receipt = this.#receipt(Number(seq), author)
    return { success: receipt !== null, receipt, reached: receipt !== null }
  }

  health(): Health {
    const { replica } = this
    const frontier = replica.frontier()
    const component = { status: 'pass', message: 'well', since_ms: 1 } as const
    const connected = this.#connected()
    return {
      success: true,
      overall: 'healthy',
      unhealthy_components: [],
      node: {
        name: replica.name,
        peer_id: replica.key.peerId,
        instance: replica.instance,
        release: replica.release,
        version: '0.1.0',
        lattice: replica.lattice,
        config_digest: replica.configDigest,
        uptime_ms: 1000,
        pid: 1,
      },
      sync: {
        policy: 'auto',
        configured_policy: 'auto',
        reverts_in_ms: null,
        active: 'P2P',
        reason: 'started',
        since_ms: 1,
        p2p_enabled: true,
        transitions: 0,
        last_sync_ago_ms: 1,
        last_failover_ms: null,
        behind_ms: null,
      },
      heartbeat: { active: true, interval_ms: 5000, age_ms: 1 },
      ledger: {
        merkle_root: replica.rootAt(frontier),
        state_root: replica.stateRoot(),
        frontier: Object.fromEntries(frontier),
        entries: totalOf(frontier),
        accounts: 2,
        rejected: 0,
        pending_final: 0,
        last_entry_ago_ms: 1,
      },
      diverged: false,
      peers: this.peers.map((peer) => {
        const isConnected = connected.includes(peer)
        return {
          name: peer.replica.name,
          peer_id: peer.replica.key.peerId,
          url: peer.url,
          transport: isConnected ? 'P2P' : 'NONE',
          p2p: { state: isConnected ? 'alive' : 'dead', heard_ago_ms: 1, rtt_ms: 1, address: null },
          http: { state: 'idle', ok_ago_ms: null, failures: 0, rtt_ms: null, error: null },
          entries: totalOf(peer.replica.frontier()),
          checkpoint_age_ms: 1,
          root_match: isConnected ? true : null,
        }
      }),
      components: {
        p2p: component,
        http_sync: component,
        heartbeat: component,
        persistence: component,
      },
      fault: null,
      ...this.healthLies,
    }
  }
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(value))
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** The entry that the end of a path names. */
const placeIn = (path: string): { author: string; seq: number } => {
  const [author = '', seq = ''] = path.split('/').slice(-2)
  return { author, seq: Number(seq) }
}
