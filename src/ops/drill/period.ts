import { OperatorError } from '../errors.ts'
import { within } from './deadline.ts'
import { Lacking } from './judge/lacking.ts'
import type { Finding } from './judge/measure.ts'
import { isWhole, viewOf, type Sighting } from './judge/sighting.ts'
import { StopConditions } from './judge/stop-conditions.ts'
import type { FaultTimeline } from './judge/timeline.ts'
import type { AcknowledgedEntry, Operation, Write } from './judge/writes.ts'
import {
  HEALTH_MS_MAX,
  LOOK_MS,
  POLL_MS,
  QUESTIONS_MAX,
  RECEIPT_MS_MAX,
  WARM_UP_MS_MAX,
} from './limits.ts'
import { entryOf, runRetryingClient, runWriter, type Schedule } from './load.ts'
import type { DrillClient, Rig } from './rig.ts'

/**
 * A stretch of the drill under load: a writer and a reader for each node, a client that retries, and what
 * they saw. Everything seen also goes to the timeline of the fault, if there is one.
 */
export class Period {
  readonly writes: Write[] = []
  readonly operations: Operation[] = []
  readonly acknowledged: AcknowledgedEntry[] = []
  /** The newest look at each node. */
  readonly latest = new Map<string, Sighting>()
  /** Why the drill has to stop; null while it may go on. */
  stop: Finding | null = null
  stalenessMaxMs: number | null = null
  readonly #rig: Rig
  readonly #timeline: FaultTimeline | null
  readonly #conditions: StopConditions
  readonly #lacking: Lacking
  readonly #halting = new AbortController()
  readonly #ending = new AbortController()
  readonly #signal: AbortSignal
  #writers: Promise<void>[] = []
  #readers: Promise<void>[] = []
  #failures: unknown[] = []

  constructor(rig: Rig, target: string | null, timeline: FaultTimeline | null) {
    this.#rig = rig
    this.#timeline = timeline
    this.#conditions = new StopConditions(target)
    this.#lacking = new Lacking(rig.clients.map((client) => client.name))
    this.#signal = AbortSignal.any([rig.signal, this.#ending.signal])
  }

  start(): void {
    const { clients, clock, writesPerSecond } = this.#rig
    const everyMs = 1000 / writesPerSecond
    const schedule = (index: number): Schedule => ({
      clock,
      everyMs,
      // Spread out, so that the nodes are not asked all at the same moments.
      offsetMs: (everyMs * index) / (clients.length + 1),
      halted: this.#halting.signal,
      signal: this.#signal,
    })
    this.#readers = clients.map(async (client) => this.#track(this.#read(client)))
    this.#writers = [
      ...clients.map(async (client, index) =>
        this.#track(runWriter(client, schedule(index), (write) => this.#wrote(write))),
      ),
      this.#track(
        runRetryingClient(
          clients,
          schedule(clients.length),
          (operation) => this.operations.push(operation),
          (entry) => this.#took(entry),
        ),
      ),
    ]
  }

  /**
   * Waits until `isSo`, at most `limitMs`; tells whether it came to be. Throws the reason of the drill's
   * signal.
   */
  async until(isSo: () => boolean, limitMs: number): Promise<boolean> {
    const { clock, signal } = this.#rig
    const untilMs = clock.monotonicMs() + limitMs
    for (;;) {
      if (this.#failures.length > 0) throw this.#failures[0]
      if (isSo()) return true
      if (clock.monotonicMs() >= untilMs) return false
      await clock.sleep(LOOK_MS, signal)
    }
  }

  /** Waits until every node serves every other one as usual. */
  async warmUp(): Promise<boolean> {
    const nodes = this.#rig.clients.map((client) => client.name)
    await this.until(
      () => this.stop !== null || isWhole(this.#rig.lung, nodes, this.latest),
      WARM_UP_MS_MAX,
    )
    return isWhole(this.#rig.lung, nodes, this.latest)
  }

  /** Starts no more writes; resolves when the last one has ended. */
  async endLoad(): Promise<void> {
    this.#halting.abort()
    await Promise.all(this.#writers)
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  /** Ends the load and the readers; throws nothing. */
  async end(): Promise<void> {
    this.#halting.abort()
    this.#ending.abort()
    await Promise.all([...this.#writers, ...this.#readers])
  }

  async #read(client: DrillClient): Promise<void> {
    const { clock } = this.#rig
    const answers = new Set<Promise<void>>()
    while (!this.#signal.aborted) {
      const sighting = await this.#look(client)
      if (this.#signal.aborted) break
      this.#sighted(sighting)
      for (const entry of this.#timeline?.takeQuestions(client.name, QUESTIONS_MAX) ?? []) {
        const one = this.#track(this.#askReceipt(client, entry)).finally(() => answers.delete(one))
        answers.add(one)
      }
      const pauseMs = Math.max(1, sighting.askedMs + POLL_MS - clock.monotonicMs())
      await clock.sleep(pauseMs, this.#signal)
    }
    await Promise.all(answers)
  }

  async #look(client: DrillClient): Promise<Sighting> {
    const { clock } = this.#rig
    const askedMs = clock.monotonicMs()
    const health = await this.#orNull(
      within(clock, HEALTH_MS_MAX, this.#signal, async (signal) => client.health(signal)),
    )
    const view = health === null ? null : viewOf(health)
    return { node: client.name, askedMs, atMs: clock.monotonicMs(), view }
  }

  async #askReceipt(client: DrillClient, { author, seq }: AcknowledgedEntry): Promise<void> {
    const { clock } = this.#rig
    const answer = await this.#orNull(
      within(clock, RECEIPT_MS_MAX, this.#signal, async (signal) =>
        client.receipt(author, seq, {}, signal),
      ),
    )
    const receipt = answer?.receipt ?? null
    this.#timeline?.answered(receipt?.via ?? null, clock.monotonicMs() - (receipt?.age_ms ?? 0))
  }

  #sighted(sighting: Sighting): void {
    this.latest.set(sighting.node, sighting)
    const arrivals = this.#lacking.sighted(sighting)
    if (arrivals.stalenessMs !== null) {
      this.stalenessMaxMs = Math.max(this.stalenessMaxMs ?? 0, arrivals.stalenessMs)
    }
    this.#timeline?.sighted(sighting, arrivals)
    this.#consider(this.#conditions.sighted(sighting))
  }

  #wrote(write: Write): void {
    this.writes.push(write)
    const entry = entryOf(write)
    if (entry !== null) this.#took(entry)
    this.#consider(this.#conditions.wrote(write))
  }

  #took(entry: AcknowledgedEntry): void {
    this.acknowledged.push(entry)
    this.#lacking.acknowledged(entry)
    this.#timeline?.acknowledged(entry)
  }

  /** A reason to stop also ends the load: the nodes have enough to do. */
  #consider(stop: Finding | null): void {
    if (stop === null || this.stop !== null) return
    this.stop = stop
    this.#halting.abort()
  }

  async #orNull<T>(answer: Promise<T>): Promise<T | null> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof OperatorError || this.#signal.aborted) return null
      throw error
    }
  }

  /** What fails in the background comes up where the drill waits. */
  async #track(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (!this.#signal.aborted) this.#failures.push(error)
    }
  }
}
