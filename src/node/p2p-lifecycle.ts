import type { Logger } from 'pino'
import type { LungState } from './replica/mode.ts'
import type { P2pLung } from './lungs/p2p/index.ts'

const RESTART_FIRST_MS = 2000
const RESTART_MAX_MS = 30_000

/**
 * Starts and stops the libp2p lung as it is wanted, one at a time and in order, and tries again when it
 * did not start. The rest of the node never waits for it.
 */
export class P2pLifecycle {
  readonly #lung: P2pLung
  readonly #log: Logger
  readonly #onState: (state: LungState) => void
  #isWanted = false
  #state: LungState = 'off'
  #error: string | null = null
  #work: Promise<void> = Promise.resolve()
  #restart: NodeJS.Timeout | null = null
  #restartMs = RESTART_FIRST_MS

  constructor(lung: P2pLung, log: Logger, onState: (state: LungState) => void) {
    this.#lung = lung
    this.#log = log
    this.#onState = onState
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  get error(): string | null {
    return this.#error
  }

  /** Resolves when the lung is as wanted now, or has failed to be. */
  async want(isWanted: boolean): Promise<void> {
    this.#isWanted = isWanted
    if (this.#restart !== null) clearTimeout(this.#restart)
    this.#restart = null
    this.#work = this.#work.then(() => this.#settle())
    await this.#work
  }

  async #settle(): Promise<void> {
    if (this.#isWanted && this.#state !== 'running') await this.#start()
    else if (!this.#isWanted && this.#state !== 'off') await this.#stop()
  }

  async #start(): Promise<void> {
    this.#set('starting')
    try {
      await this.#lung.start()
      this.#error = null
      this.#restartMs = RESTART_FIRST_MS
      this.#set('running')
      this.#log.info({ listen: this.#lung.listenMultiaddrs() }, '[LATTICE_P2P] started')
    } catch (error) {
      this.#error = (error as Error).message
      this.#set('failed')
      this.#log.warn(
        { error: this.#error, retry_ms: this.#restartMs },
        '[LATTICE_P2P] did not start',
      )
      this.#restart = setTimeout(() => void this.want(this.#isWanted), this.#restartMs)
      this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MAX_MS)
    }
  }

  async #stop(): Promise<void> {
    this.#set('off')
    await this.#lung.stop()
    this.#log.info({}, '[LATTICE_P2P] stopped')
  }

  #set(state: LungState): void {
    this.#state = state
    this.#onState(state)
  }
}
