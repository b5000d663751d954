import type { AttestObservation } from '../client/attestation.ts'
import type { Clock } from '../client/clock.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import type { Answer, Failure } from './observation.ts'

/** A node that can be asked: the client for it, and how it first showed itself. */
export interface Reached {
  client: NodeClient
  identity: AttestObservation
}

/** One look at a lattice under way. */
export interface Look {
  questioner: Questioner
  clock: Clock
  lattice: DesiredLattice
  /** Of all its nodes. */
  names: readonly string[]
  reached: ReadonlyMap<string, Reached>
}

/** By the name of the node. */
export type Answers<T> = ReadonlyMap<string, Answer<T>>

/** Asks for all names at once. */
export async function eachOf<T>(
  names: readonly string[],
  ask: (name: string) => Promise<Answer<T>>,
): Promise<Answers<T>> {
  return new Map(await Promise.all(names.map(async (name) => [name, await ask(name)] as const)))
}

export const answerOf = <T>(answers: Answers<T>, name: string): Answer<T> =>
  answers.get(name) ?? notAsked(name, 'it was left out')

/** Turns questions into answers within one limit of time. */
export class Questioner {
  readonly #clock: Clock
  readonly #outer: AbortSignal
  readonly #end = new AbortController()
  /** Aborts when the time is up or the caller wants no more. */
  readonly signal: AbortSignal

  constructor(clock: Clock, timeMsMax: number, signal: AbortSignal) {
    this.#clock = clock
    this.#outer = signal
    const limit = AbortSignal.timeout(Math.ceil(timeMsMax))
    this.signal = AbortSignal.any([signal, limit, this.#end.signal])
  }

  /** Leaves all questions that are still open without an answer, as when the time is up. */
  end(): void {
    this.#end.abort()
  }

  /** What came of a question. Throws only the caller's abort and what is no node's fault. */
  async ask<T>(name: string, question: (signal: AbortSignal) => Promise<T>): Promise<Answer<T>> {
    const started = this.#clock.monotonicMs()
    try {
      const value = await question(this.signal)
      return { ok: true, value, tookMs: this.#clock.monotonicMs() - started }
    } catch (error) {
      this.#outer.throwIfAborted()
      if (error instanceof NodeAnswerError) {
        const { code, message, hint = null, status } = error
        return { ok: false, code, message, hint, status }
      }
      if (this.signal.aborted) {
        return { ...notAsked(name, 'the time for all questions ran out'), code: 'timeout' }
      }
      throw error
    }
  }
}

export const notAsked = (name: string, why: string): Failure => ({
  ok: false,
  code: 'not-asked',
  message: `${name} was not asked: ${why}`,
  hint: null,
  status: null,
})

export const noToken = (name: string, what: string): Failure => ({
  ok: false,
  code: 'no-token',
  message: `${name} was not asked for ${what}, because no operator token was given`,
  hint: 'give the token that "aethel-lattice keys" has made',
  status: null,
})
