import type { LifeState, P2pTiming, PeerLife } from './contract.ts'
import { lifeStateOf } from './life.ts'
import type { Links } from './links.ts'

/** The life of every configured peer, and who was told of it last. */
export class LifeBoard {
  readonly #peerIds: readonly string[]
  readonly #links: Links
  readonly #timing: P2pTiming
  readonly #nowMs: () => number
  readonly #told = new Map<string, LifeState>()

  constructor(peerIds: readonly string[], links: Links, timing: P2pTiming, nowMs: () => number) {
    this.#peerIds = peerIds
    this.#links = links
    this.#timing = timing
    this.#nowMs = nowMs
  }

  lives(): PeerLife[] {
    return this.#peerIds.map((peerId) => this.#lifeOf(peerId))
  }

  /** The peers whose state is not what the last call said. All start as dead. */
  changes(): PeerLife[] {
    const changed = this.lives().filter(
      ({ peerId, state }) => state !== (this.#told.get(peerId) ?? 'dead'),
    )
    for (const { peerId, state } of changed) this.#told.set(peerId, state)
    return changed
  }

  #lifeOf(peerId: string): PeerLife {
    const link = this.#links.of(peerId)
    return {
      peerId,
      state: lifeStateOf(link, this.#nowMs(), this.#timing),
      lastHeardAgoMs: this.#links.lastHeardAgoMs(peerId),
      connected: link !== null,
      subscribed: link?.subscribed ?? false,
      direction: link?.connection.direction ?? null,
      remoteAddress: link?.connection.remoteAddr.toString() ?? null,
      rttMs: link?.rttMs ?? null,
    }
  }
}
