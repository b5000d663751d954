import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterNode } from '../cluster/cluster.ts'

/** A start that takes longer than this counts as failed, on however slow a machine. */
const START_MS_MAX = 60_000

/** A node that is killed and started again; notes how long each start took, and what went wrong. */
export class Victim {
  readonly index: number
  readonly node: ClusterNode
  /** From the process to its first `ready`, ms. */
  readonly startsMs: number[] = []
  readonly problems: string[] = []
  kills = 0
  /** Counts the data directories it had: what one was shown, the next need not know. */
  directory = 1
  /** Of the newest process: whether it came to be ready. */
  ready: Promise<boolean> = Promise.resolve(false)
  #life = { isWanted: false, isOver: true }

  constructor(index: number, node: ClusterNode) {
    this.index = index
    this.node = node
  }

  /** Makes a process; `ready` tells what comes of it. */
  start(): void {
    const life = { isWanted: true, isOver: false }
    this.#life = life
    this.node.spawn().once('exit', (code, signal) => {
      life.isOver = true
      if (life.isWanted) this.#fail(`ended by itself with ${code ?? signal}`)
    })
    this.ready = this.#becomeReady(life, performance.now())
  }

  /** SIGKILL, now. */
  async kill(): Promise<void> {
    this.#life.isWanted = false
    this.kills += 1
    await this.node.end('SIGKILL')
  }

  /** Asks it to end; for when all is over. */
  async stop(): Promise<void> {
    this.#life.isWanted = false
    await this.node.end('SIGTERM')
  }

  wipe(): void {
    this.node.wipe()
    this.directory += 1
  }

  async #becomeReady(life: { isOver: boolean }, spawnedMs: number): Promise<boolean> {
    let last = 'no answer'
    while (!life.isOver) {
      try {
        const answer = await fetch(`${this.node.url}/readyz`, {
          signal: AbortSignal.timeout(START_MS_MAX),
        })
        last = await answer.text()
        if (answer.ok && !life.isOver) {
          this.startsMs.push(performance.now() - spawnedMs)
          return true
        }
      } catch (error) {
        last = (error as Error).message
      }
      if (performance.now() - spawnedMs > START_MS_MAX) {
        this.#fail(`was not ready ${START_MS_MAX} ms after its start: ${last}`)
        return false
      }
      await sleep(5)
    }
    return false
  }

  #fail(what: string): void {
    this.problems.push(`${this.node.name} ${what}`)
  }
}
