import type { SyncPolicy } from '../wire/protocol.ts'
import type { Settings } from '../wire/settings.ts'
import type { Clock, Engine } from './engine.ts'
import type { P2pLifecycle } from './p2p-lifecycle.ts'

interface Deadline {
  atMs: number
  timer: NodeJS.Timeout
}

/** What an operator may override for a while: the sync policy, and P2P itself in a drill. */
export interface OverridesOptions {
  settings: Settings
  clock: Clock
  engine: Engine
  p2p: P2pLifecycle
}

/**
 * Overrides that undo themselves: this process holds their deadlines by its monotonic clock, so they end
 * whether or not the one who set them is still there. A restart ends them too.
 */
export class Overrides {
  readonly #options: OverridesOptions
  #policy: SyncPolicy
  #policyRevert: Deadline | null = null
  #p2pStop: Deadline | null = null

  constructor(options: OverridesOptions) {
    this.#options = options
    this.#policy = options.settings.syncPolicy
  }

  /** Monotonic time at which the configured policy returns; null when nothing is to revert. */
  get policyRevertAtMs(): number | null {
    return this.#policyRevert?.atMs ?? null
  }

  /** Monotonic time at which P2P comes back; null when no drill has stopped it. */
  get p2pStopEndsAtMs(): number | null {
    return this.#p2pStop?.atMs ?? null
  }

  switchPolicy(policy: SyncPolicy, revertAfterMs: number | null): void {
    this.#policyRevert = cleared(this.#policyRevert)
    this.#setPolicy(policy, 'switched by the operator')
    const configured = this.#options.settings.syncPolicy
    if (revertAfterMs === null || policy === configured) return
    this.#policyRevert = this.#after(revertAfterMs, () => {
      this.#policyRevert = null
      this.#setPolicy(configured, 'the manual mode ended')
    })
  }

  /** Stops P2P until the deadline, or until `startP2p`. Resolves when it is stopped. */
  async stopP2p(forMs: number): Promise<void> {
    cleared(this.#p2pStop)
    this.#p2pStop = this.#after(forMs, () => void this.startP2p())
    this.#note(`p2p-stop for ${forMs} ms`, { kind: 'p2p-stop', for_ms: forMs })
    await this.settle()
  }

  async startP2p(): Promise<void> {
    if (this.#p2pStop === null) return
    this.#p2pStop = cleared(this.#p2pStop)
    this.#note('p2p-stop undone', { kind: 'p2p-stop' })
    await this.settle()
  }

  /** P2P runs when it is configured, the policy allows it, and no drill has stopped it. */
  settle(): Promise<void> {
    const isWanted =
      this.#options.settings.p2pEnabled && this.#policy !== 'http' && this.#p2pStop === null
    return this.#options.p2p.want(isWanted)
  }

  close(): void {
    cleared(this.#policyRevert)
    cleared(this.#p2pStop)
  }

  #setPolicy(policy: SyncPolicy, reason: string): void {
    this.#policy = policy
    this.#options.engine.apply({ kind: 'policy', policy, reason })
    void this.settle()
  }

  #note(message: string, data: Record<string, string | number>): void {
    this.#options.engine.push({ kind: 'note', event: { kind: 'fault', message, data } })
  }

  #after(afterMs: number, expire: () => void): Deadline {
    return { atMs: this.#options.clock.monoMs() + afterMs, timer: setTimeout(expire, afterMs) }
  }
}

function cleared(deadline: Deadline | null): null {
  if (deadline !== null) clearTimeout(deadline.timer)
  return null
}
