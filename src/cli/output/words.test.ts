import { describe, expect, it } from 'vitest'
import { count, duration } from './amount.ts'
import { formatFailure } from './failure.ts'
import { formatHeader } from './header.ts'
import { formatLogLine, timeOf } from './log-line.ts'
import { plain } from './paint.ts'
import { printable } from './printable.ts'
import { indented, table } from './table.ts'

it.each([
  [0, '0 ms'],
  [0.4, '0 ms'],
  [999.4, '999 ms'],
  [1000, '1.0 s'],
  [59_949, '59.9 s'],
  [59_950, '1 min 0 s'],
  [185_000, '3 min 5 s'],
  [7_800_000, '2 h 10 min'],
  [356_400_000, '4 d 3 h'],
])('%d milliseconds are %s', (ms, text) => {
  expect(duration(ms)).toBe(text)
})

it('counts', () => {
  expect([count(0, 'node'), count(1, 'node'), count(3, 'node')]).toEqual([
    '0 nodes',
    '1 node',
    '3 nodes',
  ])
})

describe('a table', () => {
  it('has columns as wide as what is seen in them', () => {
    const rows = [
      ['\u001b[32m✔\u001b[39m', 'node1', 'a'],
      ['→', 'n', 'b'],
      ['x', 'node2', ''],
    ]
    expect(table(rows, '  ')).toBe('  \u001b[32m✔\u001b[39m  node1  a\n  →  n      b\n  x  node2')
  })

  it('may have short rows', () => {
    expect(table([['a', 'b', 'c'], ['longer']])).toBe('a       b  c\nlonger')
  })
})

it('indents every line but empty ones', () => {
  expect(indented('a\n\nb', '  ')).toBe('  a\n\n  b')
})

describe('what a terminal would obey', () => {
  it.each([
    ['\u001b[2Jx', '�[2Jx'],
    ['\u001b]0;title\u0007x', '�]0;title�x'],
    ['\u009b2Jx', '�2Jx'],
    ['a\rb', 'a�b'],
    ['a\n\tb', 'a\n\tb'],
    ['\n[31mx', '\n[31mx'],
    ['\u202egpj.exe', '�gpj.exe'],
    ['Résumé 🟢 ✔', 'Résumé 🟢 ✔'],
  ])('%j is shown as %j', (text, shown) => {
    expect(printable(text, true)).toBe(shown)
  })

  it('is only a colour, where colours are wanted', () => {
    expect(printable('\u001b[1;32mx\u001b[39m', true)).toBe('\u001b[1;32mx\u001b[39m')
    expect(printable('\u001b[1;32mx\u001b[39m', false)).toBe('x')
  })
})

it('a failure says what happened and what to do next', () => {
  const failure = { exit: 'failed', code: 'x', message: 'it broke', hint: 'mend it' } as const
  expect(formatFailure(failure, plain)).toBe('✘ it broke\n→ mend it')
  expect(formatFailure({ ...failure, hint: null }, plain)).toBe('✘ it broke')
})

it('a header names the lattice and the phase', () => {
  expect(formatHeader({ lattice: 'aethel', phase: 'local', nodes: 3 }, 'status', plain)).toBe(
    'status: lattice aethel, phase local (on this machine), 3 nodes',
  )
})

describe('a line of a log', () => {
  const line = JSON.stringify({
    level: 30,
    time: '2026-01-02T03:04:05.678Z',
    node: 'node1',
    release: 'r1',
    listen: ['a', 'b'],
    msg: '[STARTUP] ready',
  })

  it('of a node is its time, its name, its message and the rest', () => {
    expect(formatLogLine(line, plain, 'node1')).toBe(
      '03:04:05.678 node1  [STARTUP] ready release=r1 listen=["a","b"]',
    )
    expect(formatLogLine(line, plain)).toBe(
      '03:04:05.678 [STARTUP] ready release=r1 listen=["a","b"]',
    )
  })

  it('of a supervisor counts milliseconds', () => {
    const text = '{"level":40,"time":1700000000000,"name":"supervisor","msg":"node exited"}'
    expect(formatLogLine(text, plain)).toBe('22:13:20.000 node exited')
    expect(timeOf(text)).toBe('2023-11-14T22:13:20.000Z')
  })

  it.each([
    'Error: x',
    '[1]',
    'null',
    '{"msg":"x"}',
    '{"msg":1,"level":1,"time":"x"}',
    '{"time":1e99}',
  ])('that is none of ours stays as it is: %s', (text) => {
    expect(formatLogLine(text, plain)).toBe(`             ${text}`)
    expect(timeOf(text)).toBe('')
  })
})
