import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { textHunks } from './plan-texts.ts'

const lines = (from: string, to: string): string[] =>
  (textHunks(from, to) ?? []).flatMap((hunk) => hunk.lines)

describe('the difference of two texts', () => {
  it('has two lines around it', () => {
    expect(textHunks('1\n2\n3\n4\n5\n6\n', '1\n2\n3\nfour\n5\n6\n')).toEqual([
      { fromLine: 2, toLine: 2, lines: [' 2', ' 3', '-4', '+four', ' 5', ' 6'] },
    ])
  })

  it('of two places is two parts', () => {
    const text = Array.from({ length: 20 }, (_, index) => `${index}\n`)
    const other = text.with(1, 'x\n').with(18, 'y\n')
    expect(textHunks(text.join(''), other.join(''))?.length).toBe(2)
  })

  it('does not mind a last line without its end', () => {
    expect(lines('a', 'a\nb')).toEqual(['-a', '+a', '+b'])
  })

  it('of texts that have nothing in common is not told', () => {
    const many = (mark: string): string =>
      Array.from({ length: 2000 }, (_, index) => `${mark}${index}\n`).join('')
    expect(textHunks(many('a'), many('b'))).toBe(null)
  })

  const key = 'ab'.repeat(32)
  it.each([
    ['Environment=AETHEL_NODE_KEY=hunter2', 'Environment=AETHEL_NODE_KEY=(not shown)'],
    [
      'Environment="AETHEL_HTTP_PORT=1" "MY_TOKEN = hunter2" x',
      'Environment="AETHEL_HTTP_PORT=1" "MY_TOKEN =(not shown)',
    ],
    [`ExecStart=/bin/x ${key}`, 'ExecStart=/bin/x (not shown)'],
    ['Environment=AETHEL_HTTP_PORT=8000', 'Environment=AETHEL_HTTP_PORT=8000'],
    ['RestartSec=5', 'RestartSec=5'],
  ])('shows of %j only %j', (line, shown) => {
    expect(lines('', `${line}\n`)).toEqual([`+${shown}`])
  })

  it.each(['service', 'socket'])('hides no line of our own .%s unit', (suffix) => {
    const templates = join(import.meta.dirname, '../../../templates')
    const text = readFileSync(join(templates, `aethel-lattice.${suffix}`), 'utf8')
    expect(lines('', text)).toEqual(
      text
        .trimEnd()
        .split('\n')
        .map((line) => `+${line}`),
    )
  })
})
