import type { Output } from '../../src/node/replica/contract.ts'
import type { Via } from '../../src/node/replica/exchange.ts'
import type { P2pLife } from '../../src/node/replica/mode.ts'
import type { SignedCheckpoint } from '../../src/wire/checkpoint.ts'
import { decodeFrame, encodeFrame } from '../../src/wire/sync.ts'
import type { Agenda } from './agenda.ts'
import { peerIdsOf } from './members.ts'
import type { Network } from './network.ts'
import type { SimulatedNode } from './node.ts'

/** As in the real lungs: heartbeats, doubt, death, and how long a silent request is waited for. */
const BEAT_MS = 200
const SUSPECT_AFTER_MS = 800
const DEAD_AFTER_MS = 2000
const LUNG_START_MS = 20
const SILENCE_MS_MAX = 1500
const NOTICE_SILENCE_MS = 1250
const NOTICE_RETRY_MS = 300

interface Watch {
  /** Epochs of both ends when the stream opened; null while it is not open. */
  open: { from: number; to: number } | null
  heardAtMs: number
}

/** Both lungs of every node, played over the simulated network. */
export class SimulatedLungs {
  readonly #nodes: readonly SimulatedNode[]
  readonly #peerIds: readonly string[]
  readonly #network: Network
  readonly #agenda: Agenda
  /** By `observer>peer`: what the observer was last told, and when it last heard the peer. */
  readonly #lives = new Map<string, { life: P2pLife; heardAtMs: number | null }>()
  /** By `watcher>peer`. */
  readonly #watches = new Map<string, Watch>()
  /** Gossip that each process has seen, by `epoch:node`. */
  readonly #seen = new Map<string, Set<string>>()
  readonly pulls = { P2P: 0, HTTP: 0, failed: 0 }

  constructor(nodes: readonly SimulatedNode[], network: Network, agenda: Agenda) {
    this.#nodes = nodes
    this.#peerIds = nodes[0] === undefined ? [] : peerIdsOf(nodes[0].lattice)
    this.#network = network
    this.#agenda = agenda
    agenda.after(BEAT_MS, () => this.#beat())
  }

  /** A process started: its P2P lung follows soon. */
  started(node: SimulatedNode): void {
    const { epoch } = node
    for (const peer of this.#nodes) this.#lives.delete(`${node.index}>${peer.index}`)
    for (const key of this.#watches.keys()) {
      if (key.startsWith(`${node.index}>`)) this.#watches.delete(key)
    }
    this.#agenda.after(LUNG_START_MS, () => {
      if (node.epoch === epoch && !node.isP2pStopped)
        node.step({ kind: 'p2p-lung', state: 'running' })
    })
  }

  p2pStopped(node: SimulatedNode, isStopped: boolean): void {
    node.isP2pStopped = isStopped
    for (const peer of this.#nodes) this.#lives.delete(`${node.index}>${peer.index}`)
    node.step({ kind: 'p2p-lung', state: isStopped ? 'off' : 'starting' })
    if (!isStopped) this.started(node)
  }

  carryOut(node: SimulatedNode, output: Output): void {
    switch (output.kind) {
      case 'pull':
        return this.#pull(node, this.#nodeOf(output.peerId), output.via)
      case 'watch': {
        const key = `${node.index}>${this.#nodeOf(output.peerId).index}`
        if (!output.isWanted) this.#watches.delete(key)
        else this.#openWatch(node, this.#nodeOf(output.peerId), { open: null, heardAtMs: 0 })
        return
      }
      case 'gossip':
        return this.#gossip(node, node, encodeFrame(output.frame))
      case 'checkpoint':
        this.#gossip(node, node, encodeFrame(output))
        return this.#notify(node, output.checkpoint)
      case 'acknowledge':
      case 'settled':
      case 'rebuild':
      case 'retired':
      case 'reincarnate':
        return
    }
  }

  #nodeOf(peerId: string): SimulatedNode {
    const node = this.#nodes[this.#peerIds.indexOf(peerId)]
    if (node === undefined) throw new Error(`no node ${peerId}`)
    return node
  }

  #peerIdOf(node: SimulatedNode): string {
    return this.#peerIds[node.index] ?? ''
  }

  #isConnected(a: SimulatedNode, b: SimulatedNode): boolean {
    return a.isRunning && b.isRunning && !a.isP2pStopped && !b.isP2pStopped
  }

  /** Every node hears those it is connected to, and tells its core whose state changed. */
  #beat(): void {
    this.#agenda.after(BEAT_MS, () => this.#beat())
    const nowMs = this.#agenda.nowMs
    for (const node of this.#nodes) {
      if (!node.isRunning || node.isP2pStopped) continue
      for (const peer of this.#nodes) {
        if (peer === node) continue
        const key = `${node.index}>${peer.index}`
        const before = this.#lives.get(key) ?? { life: 'dead', heardAtMs: null }
        const isConnected = this.#isConnected(node, peer)
        const isHeard = isConnected && !this.#network.isCut(peer.index, node.index, 'P2P')
        const heardAtMs = isHeard ? nowMs : before.heardAtMs
        const silentMs = heardAtMs === null ? Number.POSITIVE_INFINITY : nowMs - heardAtMs
        const life =
          !isConnected || silentMs >= DEAD_AFTER_MS
            ? 'dead'
            : silentMs >= SUSPECT_AFTER_MS
              ? 'suspect'
              : 'alive'
        this.#lives.set(key, { life, heardAtMs })
        if (life === before.life) continue
        node.step({ kind: 'p2p-peer', peerId: this.#peerIdOf(peer), life, heardAtMs })
      }
    }
    this.#checkWatches()
  }

  /** To all that are connected; each passes on what it had not seen. */
  #gossip(origin: SimulatedNode, sender: SimulatedNode, bytes: Uint8Array): void {
    const id = Buffer.from(bytes).toString('latin1')
    this.#seenBy(sender).add(id)
    for (const receiver of this.#nodes) {
      if (receiver === sender || receiver === origin) continue
      if (!this.#isConnected(sender, receiver)) continue
      const { epoch } = receiver
      for (const delayMs of this.#network.gossipDelaysMs(sender.index, receiver.index)) {
        this.#agenda.after(delayMs, () => {
          if (receiver.epoch !== epoch || !receiver.isRunning) return
          if (this.#network.isCut(sender.index, receiver.index, 'P2P')) return
          if (this.#seenBy(receiver).has(id)) return
          this.#gossip(origin, receiver, bytes)
          this.#deliver(receiver, sender, bytes, 'P2P')
        })
      }
    }
  }

  #seenBy(node: SimulatedNode): Set<string> {
    const key = `${node.epoch}:${node.index}`
    const seen = this.#seen.get(key) ?? new Set()
    this.#seen.set(key, seen)
    return seen
  }

  #deliver(to: SimulatedNode, from: SimulatedNode, frameBytes: Uint8Array, via: Via): void {
    const frame = decodeFrame(frameBytes, to.lattice.verify)
    const peerId = this.#peerIdOf(from)
    if (frame.kind === 'entries')
      to.step({ kind: 'entries', entries: frame.entries, from: peerId, via })
    if (frame.kind === 'checkpoint')
      to.step({ kind: 'checkpoint', checkpoint: frame.checkpoint, via })
    if (frame.kind === 'seals') to.step({ kind: 'seals', seals: frame.seals, from: peerId })
  }

  #notify(node: SimulatedNode, checkpoint: SignedCheckpoint): void {
    for (const watcher of this.#nodes) {
      const watch = this.#watches.get(`${watcher.index}>${node.index}`)
      if (watch?.open === undefined || watch.open === null) continue
      this.#sendNotice(watcher, node, watch, checkpoint)
    }
  }

  #openWatch(watcher: SimulatedNode, peer: SimulatedNode, watch: Watch): void {
    const key = `${watcher.index}>${peer.index}`
    this.#watches.set(key, watch)
    const epoch = watcher.epoch
    this.#agenda.after(this.#network.delayMs(watcher.index, peer.index), () => {
      if (this.#watches.get(key) !== watch || watcher.epoch !== epoch) return
      const isCut = this.#network.isCutEitherWay(watcher.index, peer.index, 'HTTP')
      const isReached = peer.isRunning && !isCut
      if (!isReached || peer.core === null) {
        this.#agenda.after(NOTICE_RETRY_MS, () => {
          if (this.#watches.get(key) === watch && watcher.epoch === epoch)
            this.#openWatch(watcher, peer, watch)
        })
        return
      }
      watch.open = { from: peer.epoch, to: watcher.epoch }
      watch.heardAtMs = this.#agenda.nowMs
      watcher.step({ kind: 'notices', peerId: this.#peerIdOf(peer), isOpen: true })
      this.#sendNotice(watcher, peer, watch, peer.core.checkpoint)
    })
  }

  #sendNotice(
    watcher: SimulatedNode,
    peer: SimulatedNode,
    watch: Watch,
    checkpoint: SignedCheckpoint,
  ): void {
    const open = watch.open
    this.#agenda.after(this.#network.delayMs(peer.index, watcher.index), () => {
      if (watch.open !== open || watcher.epoch !== open?.to) return
      if (this.#network.isCut(peer.index, watcher.index, 'HTTP')) return
      watch.heardAtMs = this.#agenda.nowMs
      watcher.step({ kind: 'notices', peerId: this.#peerIdOf(peer), isOpen: true })
      this.#deliver(watcher, peer, encodeFrame({ kind: 'checkpoint', checkpoint }), 'HTTP')
    })
  }

  /** A stream whose other end died is closed at once; one that was cut, when it was silent too long. */
  #checkWatches(): void {
    for (const [key, watch] of this.#watches) {
      const [watcher, peer] = key.split('>').map((index) => this.#nodes[Number(index)])
      if (watcher === undefined || peer === undefined || watch.open === null) continue
      const isSilent = this.#agenda.nowMs - watch.heardAtMs > NOTICE_SILENCE_MS
      if (peer.isRunning && peer.epoch === watch.open.from && !isSilent) continue
      watch.open = null
      watcher.step({ kind: 'notices', peerId: this.#peerIdOf(peer), isOpen: false })
      if (this.#watches.get(key) === watch) this.#openWatch(watcher, peer, watch)
    }
  }

  /** One exchange. It ends with what it brought, or with an error after a silence. */
  #pull(node: SimulatedNode, peer: SimulatedNode, via: Via): void {
    const request = node.syncRequest()
    if (request === null) return
    this.pulls[via] += 1
    const { epoch } = node
    const startedMs = this.#agenda.nowMs
    const peerId = this.#peerIdOf(peer)
    const end = (result: { rttMs: number; entryCount: number } | { error: string }): void => {
      if ('error' in result) this.pulls.failed += 1
      if (node.epoch === epoch) node.step({ kind: 'pull-ended', peerId, via, result })
    }
    const isReachable = (peerEpoch: number): 'yes' | 'silent' | 'refused' => {
      if (this.#network.isCutEitherWay(node.index, peer.index, via)) return 'silent'
      const isUp = via === 'HTTP' ? peer.isRunning : this.#isConnected(node, peer)
      return isUp && peer.epoch === peerEpoch ? 'yes' : 'refused'
    }
    const fail = (why: 'silent' | 'refused'): void =>
      this.#agenda.after(why === 'silent' ? SILENCE_MS_MAX : 1, () => end({ error: why }))

    this.#agenda.after(this.#network.delayMs(node.index, peer.index), async () => {
      const peerEpoch = peer.epoch
      const reached = isReachable(peerEpoch)
      if (reached !== 'yes') return fail(reached)
      const frames = await peer.answer(request)
      let entryCount = 0
      const next = (index: number): void =>
        this.#agenda.after(this.#network.delayMs(peer.index, node.index), () => {
          if (node.epoch !== epoch) return
          const arrived = isReachable(peerEpoch)
          if (arrived !== 'yes') return fail(arrived)
          const bytes = frames[index]
          if (bytes === undefined) {
            return end({ rttMs: this.#agenda.nowMs - startedMs, entryCount })
          }
          const frame = decodeFrame(bytes.subarray(4), node.lattice.verify)
          if (frame.kind === 'entries') entryCount += frame.entries.length
          this.#deliver(node, peer, bytes.subarray(4), via)
          return next(index + 1)
        })
      next(0)
    })
  }
}
