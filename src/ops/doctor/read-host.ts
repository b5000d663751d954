import { PassThrough } from 'node:stream'
import type { Clock } from '../client/clock.ts'
import { OperatorError } from '../errors.ts'
import type { SshSession } from '../ssh/session.ts'
import type { ClockSample, HostReading } from './evidence.ts'
import { FACTS_BEGIN, FACTS_END, factsCommand } from './facts-script.ts'
import { formatQuestions, parseClock, parseFacts, type HostQuestions } from './facts.ts'
import { CLOCK_SAMPLES, FACTS_BYTES_MAX, HOST_MS_MAX } from './limits.ts'

/**
 * Runs the facts script on a host: first its clock, each question sent once the answer before it is
 * here, so that a round trip is all that makes a sample doubtful; then everything else at once.
 */
export async function readHost(
  session: SshSession,
  questions: HostQuestions,
  clock: Clock,
  outer: AbortSignal,
): Promise<HostReading> {
  const signal = AbortSignal.any([outer, AbortSignal.timeout(HOST_MS_MAX)])
  const stdin = new PassThrough()
  const samples: ClockSample[] = []
  let text = ''
  try {
    const { stdout } = await session.exec(factsCommand, { signal, stdin })
    let asked = { wallMs: 0, monotonicMs: 0 }
    let answers = 0
    const ask = (): void => {
      asked = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() }
      stdin.write('clock\n')
    }
    for await (const line of linesOf(stdout)) {
      text += `${line}\n`
      if (line === FACTS_END) break
      if (line === FACTS_BEGIN) ask()
      if (!line.startsWith('clock ') || answers === CLOCK_SAMPLES) continue
      const rttMs = clock.monotonicMs() - asked.monotonicMs
      const hostMs = parseClock(line)
      if (hostMs !== null) samples.push({ offsetMs: hostMs - (asked.wallMs + rttMs / 2), rttMs })
      answers += 1
      if (answers < CLOCK_SAMPLES) ask()
      else stdin.end(formatQuestions(questions))
    }
  } catch (error) {
    outer.throwIfAborted()
    if (!signal.aborted && !(error instanceof OperatorError)) throw error
    if (text === '') {
      const why = error instanceof OperatorError ? error.message : 'the host said nothing in time'
      return { kind: 'unread', why }
    }
  } finally {
    stdin.end()
  }
  return { kind: 'read', facts: parseFacts(text), clock: samples }
}

/** Whole lines, as they come. What is over the limit is not read any more. */
async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    if (bytes > FACTS_BYTES_MAX) return
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
