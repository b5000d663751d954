import type { Output } from '../../src/node/replica/contract.ts'
import type { PullResult, Via } from '../../src/node/replica/exchange.ts'
import type { P2pLife } from '../../src/node/replica/mode.ts'
import type { SignedCheckpoint } from '../../src/wire/checkpoint.ts'
import type { WireError, WireErrorCode } from '../../src/wire/cbor.ts'
import type { GossipMessage, SyncFrame } from '../../src/wire/sync.ts'
import type { Agenda } from './agenda.ts'
import { peerIdsOf } from './members.ts'
import { Message } from './message.ts'
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

interface Life {
  life: P2pLife
  heardAtMs: number | null
}

interface Watch {
  /** Epochs of both ends when the stream opened; null while it is not open. */
  open: { from: number; to: number } | null
  heardAtMs: number
}

interface LungsOptions {
  /** Frames are handed over as they are, where nothing makes bytes of them necessary. */
  isHandedOver: boolean
  onFailure: (node: SimulatedNode, what: string) => void
}

/** Both lungs of every node, played over the simulated network. */
export class SimulatedLungs {
  readonly #nodes: readonly SimulatedNode[]
  readonly #peerIds: readonly string[]
  readonly #network: Network
  readonly #agenda: Agenda
  readonly #options: LungsOptions
  /** By `observer × nodes + peer`: what the observer was last told, and when it last heard the peer. */
  readonly #lives: (Life | undefined)[] = []
  /** By `watcher>peer`. */
  readonly #watches = new Map<string, Watch>()
  readonly #pullsInFlight = new Set<string>()
  /** Nobody listens to heartbeats after this: nothing can come of them before something changes. */
  #unsettledUntilMs = 0
  #isBeating = false
  readonly pulls = { P2P: 0, HTTP: 0, failed: 0 }

  constructor(
    nodes: readonly SimulatedNode[],
    network: Network,
    agenda: Agenda,
    options: LungsOptions,
  ) {
    this.#nodes = nodes
    this.#peerIds = nodes[0] === undefined ? [] : peerIdsOf(nodes[0].lattice)
    this.#network = network
    this.#agenda = agenda
    this.#options = options
  }

  /** Links or processes are about to change: heartbeats count again until all have noticed. */
  unsettle(): void {
    const nowMs = this.#agenda.nowMs
    const lastBeatMs = Math.floor(nowMs / BEAT_MS) * BEAT_MS
    if (!this.#isBeating) {
      for (const life of this.#lives)
        if (life?.life === 'alive') life.heardAtMs = Math.max(life.heardAtMs ?? 0, lastBeatMs)
      this.#isBeating = true
      this.#agenda.at(lastBeatMs + BEAT_MS, () => this.#beat())
    }
    this.#unsettledUntilMs = nowMs + DEAD_AFTER_MS + 2 * BEAT_MS
  }

  /** A process started: its P2P lung follows soon. */
  started(node: SimulatedNode): void {
    const { epoch } = node
    this.unsettle()
    this.#forgetLives(node)
    for (const key of this.#watches.keys()) {
      if (key.startsWith(`${node.index}>`)) this.#watches.delete(key)
    }
    this.#agenda.after(LUNG_START_MS, () => {
      if (node.epoch === epoch && !node.isP2pStopped)
        node.step({ kind: 'p2p-lung', state: 'running' })
    })
  }

  p2pStopped(node: SimulatedNode, isStopped: boolean): void {
    this.unsettle()
    node.isP2pStopped = isStopped
    this.#forgetLives(node)
    node.step({ kind: 'p2p-lung', state: isStopped ? 'off' : 'starting' })
    if (!isStopped) this.started(node)
  }

  carryOut(node: SimulatedNode, output: Output): void {
    switch (output.kind) {
      case 'pull':
        return this.#pull(node, this.#nodeOf(output.peerId), output.via)
      case 'watch': {
        const peer = this.#nodeOf(output.peerId)
        if (!output.isWanted) this.#watches.delete(`${node.index}>${peer.index}`)
        else this.#openWatch(node, peer, { open: null, heardAtMs: 0 })
        return
      }
      case 'gossip':
        return this.#tellAll(node, output.frame)
      case 'checkpoint':
        return this.#tellAll(node, output)
      case 'acknowledge':
      case 'settled':
      case 'rebuild':
      case 'retired':
      case 'reincarnate':
        return
    }
  }

  /** To these alone, as in an answer, which nobody passes on. */
  tell(sender: SimulatedNode, receiver: SimulatedNode, frame: SyncFrame): void {
    const message = this.#messageOf(sender, frame)
    this.#agenda.after(this.#network.delayMs(sender.index, receiver.index), () => {
      if (!this.#network.isCut(sender.index, receiver.index, 'HTTP'))
        this.#deliver(receiver, sender, message, 'HTTP')
    })
  }

  /** By gossip, and to everyone who watches. */
  #tellAll(node: SimulatedNode, frame: GossipMessage): void {
    const message = this.#messageOf(node, frame)
    this.#gossip(node, node, message)
    this.#notify(node, message)
  }

  #messageOf(node: SimulatedNode, frame: SyncFrame): Message {
    return Message.of(frame, node.release, this.#options.isHandedOver)
  }

  #nodeOf(peerId: string): SimulatedNode {
    const node = this.#nodes[this.#peerIds.indexOf(peerId)]
    if (node === undefined) throw new Error(`no node ${peerId}`)
    return node
  }

  #peerIdOf(node: SimulatedNode): string {
    return this.#peerIds[node.index] ?? ''
  }

  #forgetLives(node: SimulatedNode): void {
    for (const peer of this.#nodes)
      this.#lives[node.index * this.#nodes.length + peer.index] = undefined
  }

  #isConnected(a: SimulatedNode, b: SimulatedNode): boolean {
    return a.isRunning && b.isRunning && !a.isP2pStopped && !b.isP2pStopped
  }

  /** Every node hears those it is connected to, and tells its core whose state changed. */
  #beat(): void {
    const nowMs = this.#agenda.nowMs
    for (const node of this.#nodes) {
      for (const peer of this.#nodes) {
        if (peer !== node && node.isRunning && !node.isP2pStopped) this.#listen(node, peer)
      }
    }
    this.#checkWatches()
    this.#isBeating = nowMs < this.#unsettledUntilMs || this.#watches.size > 0
    if (this.#isBeating) this.#agenda.after(BEAT_MS, () => this.#beat())
  }

  #listen(node: SimulatedNode, peer: SimulatedNode): void {
    const nowMs = this.#agenda.nowMs
    const place = node.index * this.#nodes.length + peer.index
    const before = this.#lives[place] ?? { life: 'dead', heardAtMs: null }
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
    this.#lives[place] = { life, heardAtMs }
    if (life === before.life) return
    node.step({ kind: 'p2p-peer', peerId: this.#peerIdOf(peer), life, heardAtMs })
  }

  #gossip(origin: SimulatedNode, sender: SimulatedNode, message: Message): void {
    message.seenBy[sender.index] = sender.epoch
    for (const receiver of this.#nodes) {
      if (receiver !== sender && receiver !== origin)
        this.#sendGossip(origin, sender, receiver, message)
    }
  }

  #sendGossip(
    origin: SimulatedNode,
    sender: SimulatedNode,
    receiver: SimulatedNode,
    message: Message,
  ): void {
    if (!this.#isConnected(sender, receiver)) return
    const { epoch } = receiver
    if (message.seenBy[receiver.index] === epoch) return
    const sent = this.#worsened(sender, message)
    if (sent === null) return
    for (const delayMs of this.#network.gossipDelaysMs(sender.index, receiver.index)) {
      this.#agenda.after(delayMs, () => {
        if (receiver.epoch !== epoch || !receiver.isRunning) return
        if (this.#network.isCut(sender.index, receiver.index, 'P2P')) return
        if (sent.seenBy[receiver.index] === epoch) return
        this.#gossip(origin, receiver, sent)
        this.#deliver(receiver, sender, sent, 'P2P')
      })
    }
  }

  /** What a liar sends in place of a message. */
  #worsened(sender: SimulatedNode, message: Message): Message | null {
    if (sender.liar === null || message.isWorsened) return message
    const { bytes } = message
    const told = sender.liar.tell(bytes)
    return told === bytes ? message : told === null ? null : Message.ofBytes(told, true)
  }

  /** Like the real lungs: what cannot be read is told to the core and to whoever asked for it. */
  #deliver(
    to: SimulatedNode,
    from: SimulatedNode,
    message: Message,
    via: Via,
  ): SyncFrame | WireErrorCode {
    const peerId = this.#peerIdOf(from)
    let frame: SyncFrame
    try {
      frame = message.read(to.release, to.lattice.verify)
    } catch (error) {
      const { code, message: why } = asWireError(error)
      to.step({ kind: 'refused', code, from: peerId, message: why })
      return code
    }
    if (frame.kind === 'entries')
      to.step({ kind: 'entries', entries: frame.entries, from: peerId, via })
    if (frame.kind === 'checkpoint')
      to.step({ kind: 'checkpoint', checkpoint: frame.checkpoint, via })
    if (frame.kind === 'seals') to.step({ kind: 'seals', seals: frame.seals, from: peerId })
    return frame
  }

  #notify(node: SimulatedNode, message: Message): void {
    if (this.#watches.size === 0) return
    for (const watcher of this.#nodes) {
      const watch = this.#watches.get(`${watcher.index}>${node.index}`)
      if (watch?.open === undefined || watch.open === null) continue
      this.#sendNotice(watcher, node, watch, message)
    }
  }

  #openWatch(watcher: SimulatedNode, peer: SimulatedNode, watch: Watch): void {
    const key = `${watcher.index}>${peer.index}`
    this.#watches.set(key, watch)
    this.unsettle()
    const epoch = watcher.epoch
    const isOver = (): boolean => this.#watches.get(key) !== watch || watcher.epoch !== epoch
    this.#agenda.after(this.#network.delayMs(watcher.index, peer.index), () => {
      if (isOver()) return
      const isCut = this.#network.isCutEitherWay(watcher.index, peer.index, 'HTTP')
      const checkpoint = peer.core?.checkpoint
      if (checkpoint === undefined || isCut) {
        this.#agenda.after(NOTICE_RETRY_MS, () => {
          if (!isOver()) this.#openWatch(watcher, peer, watch)
        })
        return
      }
      watch.open = { from: peer.epoch, to: watcher.epoch }
      watch.heardAtMs = this.#agenda.nowMs
      watcher.step({ kind: 'notices', peerId: this.#peerIdOf(peer), isOpen: true })
      peer.whenIdle(() => this.#sendNewest(watcher, peer, watch))
    })
  }

  #sendNewest(watcher: SimulatedNode, peer: SimulatedNode, watch: Watch): void {
    const checkpoint: SignedCheckpoint | undefined = peer.core?.checkpoint
    if (checkpoint === undefined) return
    const message = this.#messageOf(peer, { kind: 'checkpoint', checkpoint })
    this.#sendNotice(watcher, peer, watch, message)
  }

  #sendNotice(watcher: SimulatedNode, peer: SimulatedNode, watch: Watch, message: Message): void {
    const open = watch.open
    const sent = this.#worsened(peer, message)
    this.#agenda.after(this.#network.delayMs(peer.index, watcher.index), () => {
      if (watch.open !== open || watcher.epoch !== open?.to) return
      if (this.#network.isCut(peer.index, watcher.index, 'HTTP')) return
      watch.heardAtMs = this.#agenda.nowMs
      watcher.step({ kind: 'notices', peerId: this.#peerIdOf(peer), isOpen: true })
      if (sent !== null) this.#deliver(watcher, peer, sent, 'HTTP')
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
    const peerId = this.#peerIdOf(peer)
    const asked = node.syncRequest(peerId)
    if (asked === null) return
    const request = node.liar?.ask(asked) ?? asked
    this.pulls[via] += 1
    const { epoch } = node
    const key = `${node.index}.${epoch}>${peer.index} ${via}`
    if (this.#pullsInFlight.has(key)) this.#options.onFailure(node, `two exchanges ${key} at once`)
    this.#pullsInFlight.add(key)
    const startedMs = this.#agenda.nowMs
    const end = (result: PullResult): void => {
      this.#pullsInFlight.delete(key)
      if ('error' in result) this.pulls.failed += 1
      if (node.epoch === epoch) node.step({ kind: 'pull-ended', peerId, via, result })
    }
    const isReachable = (peerEpoch: number): 'yes' | 'silent' | 'refused' => {
      if (this.#network.isCutEitherWay(node.index, peer.index, via)) return 'silent'
      const isUp = via === 'HTTP' ? peer.isRunning : this.#isConnected(node, peer)
      return isUp && peer.epoch === peerEpoch ? 'yes' : 'refused'
    }
    const fail = (why: string): void =>
      this.#agenda.after(why === 'silent' ? SILENCE_MS_MAX : 1, () => end({ error: why }))

    const answer = async (peerEpoch: number): Promise<void> => {
      let frames: Uint8Array[]
      try {
        frames = await peer.answer(request)
      } catch (error) {
        const { code, message } = asWireError(error)
        peer.step({ kind: 'refused', code, from: 'a caller', message })
        return fail(code)
      }
      let entryCount = 0
      const next = (index: number): void =>
        this.#agenda.after(this.#network.delayMs(peer.index, node.index), () => {
          if (node.epoch !== epoch) return
          const arrived = isReachable(peerEpoch)
          if (arrived !== 'yes') return fail(arrived)
          const bytes = frames[index]
          if (bytes === undefined) return fail('truncated')
          const sent = this.#worsened(peer, Message.ofBytes(bytes))
          const frame = sent === null ? null : this.#deliver(node, peer, sent, via)
          if (typeof frame === 'string') return fail(frame)
          if (frame?.kind === 'entries') entryCount += frame.entries.length
          if (frame?.kind === 'end')
            return end({ rttMs: this.#agenda.nowMs - startedMs, entryCount })
          return next(index + 1)
        })
      next(0)
    }
    const attempt = (): Promise<void> | void => {
      const peerEpoch = peer.epoch
      const reached = isReachable(peerEpoch)
      if (reached !== 'yes') return fail(reached)
      if (peer.isIdle) return answer(peerEpoch)
      return peer.whenIdle(() => this.#agenda.after(0, attempt))
    }
    this.#agenda.after(this.#network.delayMs(node.index, peer.index), attempt)
  }
}

/** Releases have classes of their own. Throws what is none of them. */
function asWireError(error: unknown): WireError {
  if (error instanceof Error && error.name === 'WireError') return error as WireError
  throw error
}
