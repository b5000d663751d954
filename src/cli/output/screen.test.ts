import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { paintOf } from './paint.ts'
import { createScreen } from './screen.ts'

const paint = paintOf(1)

/** What is shown of `work`, with colours. */
async function shown(work: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, next) {
      lines.push(chunk.toString().trimEnd())
      next()
    },
  })
  const screen = createScreen({
    stdout: stream,
    stderr: stream,
    paint: { stdout: paint, stderr: paint },
    isLive: false,
    canAsk: false,
    nowMs: () => 0,
  })
  const title = { doing: 'looking', done: 'looked' }
  await screen.during(title, work).catch((error: Error) => lines.push(error.message))
  return lines
}

it('ends a look without the mark and the colour of PASS, whatever was seen', async () => {
  expect(await shown(async () => ({ verdict: 'FAIL' }))).toEqual([
    paint.faint('… looking'),
    `${paint.faint('·')} looked ${paint.faint('(0 ms)')}`,
  ])
})

it('marks a look that could not be ended', async () => {
  const fail = async () => {
    throw new Error('no')
  }
  expect(await shown(fail)).toEqual([
    paint.faint('… looking'),
    `${paint.bad('✘')} looking ${paint.faint('(0 ms)')}`,
    'no',
  ])
})
