import { readdirSync, readFileSync } from 'node:fs'
import type { ClusterNode } from './cluster.ts'

/** Milliseconds between two ticks. */
const TICK_MS = 20

/**
 * Tells how much time the machine did not give to this process and to some nodes: how late our own ticks
 * come, and how long the kernel let the nodes wait for a core (not told everywhere: then 0). So a promise
 * of time is held against nodes for the time that they got; on an idle machine it counts as it stands.
 */
export class Metronome implements Disposable {
  readonly #nodes: readonly ClusterNode[]
  readonly #waitedBeforeMs: number
  #lostMs = 0
  #lastMs = performance.now()
  readonly #timer = setInterval(() => this.#tick(), TICK_MS)

  /** The nodes must go on as they are: a new process begins to count anew. */
  constructor(nodes: readonly ClusterNode[]) {
    this.#nodes = nodes
    this.#waitedBeforeMs = this.#waitedMs()
  }

  /** `promisedMs`, and what was lost since the metronome was started, one after the other at worst. */
  allowanceMs(promisedMs: number): number {
    this.#tick()
    return promisedMs + this.#lostMs + this.#waitedMs() - this.#waitedBeforeMs
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #waitedMs(): number {
    return this.#nodes.reduce((sum, { pid }) => sum + coreWaitMsOf(pid), 0)
  }

  #tick(): void {
    const nowMs = performance.now()
    this.#lostMs += Math.max(0, nowMs - this.#lastMs - TICK_MS)
    this.#lastMs = nowMs
  }
}

/** How long the threads of a process were ready to run and had no core: second field of schedstat, ns. */
function coreWaitMsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
      const fields = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
      return sum + Number(fields[1]) / 1e6
    }, 0)
  } catch {
    return 0
  }
}
