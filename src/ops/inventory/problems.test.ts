import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PROBLEMS_MAX, PROBLEMS_SHOWN_MAX } from './limits.ts'
import { InventoryError, type Problem } from './problems.ts'
import { parseInventory } from './read.ts'

const testdata = (file: string): string =>
  readFileSync(join(import.meta.dirname, 'testdata', file), 'utf8')
const sound = testdata('sound.yaml')

/** The error that refuses a text; null when it is read. Anything else that is thrown fails the test. */
function refusalOf(text: string): InventoryError | null {
  try {
    parseInventory(text, 'nodes.yaml')
    return null
  } catch (error) {
    if (error instanceof InventoryError) return error
    throw error
  }
}

function errorOf(text: string): InventoryError {
  const error = refusalOf(text)
  if (error === null) throw new Error('nothing was refused')
  return error
}

const problemsOf = (text: string): readonly Problem[] => errorOf(text).problems

/** Whether a problem says something about a place that is in the text. */
function isPlaced({ line, column, width, message, hint }: Problem, text: string): boolean {
  const there = text.split('\n')[line - 1]
  if (there === undefined || message === '' || hint === '') return false
  return column > 0 && column - 1 <= there.length && width > 0
}

describe('a nodes.yaml that is wrong', () => {
  /** testdata/problems.txt as [title, text of nodes.yaml, message]. */
  const cases = testdata('problems.txt')
    .split(/^=== line /m)
    .slice(1)
    .map((block): [string, string, string] => {
      const [change = '', ...rest] = block.split('\n\n')
      const [place = '', ...edits] = change.split('\n')
      const edited = (sign: string): string[] =>
        edits.filter((edit) => edit.startsWith(sign)).map((edit) => edit.slice(1))
      const added = edited('+').map((line) => line.replaceAll('⇥', '\t'))
      const lines = sound.split('\n')
      const removed = lines.splice(Number(place) - 1, edited('-').length, ...added)
      if (removed.join('\n') !== edited('-').join('\n')) throw new Error(`no such lines: ${change}`)
      return [edits.join(' '), lines.join('\n'), rest.join('\n\n').trimEnd()]
    })

  it('is sound without its change', () => {
    expect(parseInventory(sound, 'nodes.yaml').nodes).toHaveLength(3)
    expect(cases.length).toBeGreaterThan(75)
  })

  it.each(cases)('%s', (_title, text, message) => {
    expect(errorOf(text).message.split('\n')).toEqual(message.split('\n'))
  })

  it('is told in full, in the order of the file', () => {
    const text = sound
      .replace('heartbeat: 5s', 'heartbeat: 5')
      .replace('kind: space', 'kind: spase')
      .replace('space: owner/name', 'space: name')
      .replace('name: node2', 'name: "node\\u00072"')
      .replace('port: 22', 'port: 0')
      .replace('p2p_port: 9101', 'p2p_port: 8101')
    expect(problemsOf(text).map(({ line, path }) => [line, path])).toEqual([
      [3, 'lattice.heartbeat'],
      [9, 'nodes[0].kind'],
      [12, 'nodes[0].space'],
      [14, ''],
      [22, 'nodes[1].ssh.port'],
      [32, 'local.p2p_port'],
    ])
  })

  it.each([
    ['nothing', '', 1, 1, 'nodes.yaml: expected keys and values, found nothing'],
    ['comments alone', '# nodes:\n', 1, 1, 'nodes.yaml: expected keys and values, found nothing'],
    ['a list', '- 1\n', 1, 1, 'nodes.yaml: expected keys and values, found a list'],
    ['another program’s file', 'services: {}\n', 1, 1, 'lattice is missing'],
    ['no nodes', 'lattice: { name: a }\nnodes: []\n', 2, 8, 'nodes: 0 entries, less than 1'],
  ])('is told when it holds %s', (_what, text, line, column, message) => {
    expect(problemsOf(text)[0]).toMatchObject({ line, column, message })
  })

  it('may be nested to exhaustion, or multiply aliases', () => {
    for (const text of ['['.repeat(60_000), '- '.repeat(30_000), '{a: '.repeat(30_000)]) {
      expect(problemsOf(text).map(({ line, message }) => [line, message])).toEqual([
        [1, 'nested too deeply'],
      ])
    }
    const tenfold = (from: string, to: string): string =>
      `${to}: &${to} [${`*${from}, `.repeat(10)}]\n`
    const bomb = `a: &a [${'x, '.repeat(10)}]\n${tenfold('a', 'b')}${tenfold('b', 'c')}${tenfold('c', 'd')}`
    expect(problemsOf(bomb).map(({ message }) => message)).toEqual([
      'aliases stand for too many values',
    ])
    expect(problemsOf('nodes: &a [*a]\nlattice: { name: a }\n')[0]).toMatchObject({
      path: 'nodes[0]',
      message: expect.stringContaining('found a list'),
    })
  })

  it('is told once for each use of an alias', () => {
    const text = sound
      .replace('{ Alice: 10, Bob: 10 }', '&balances { Alice: -10, Bob: 10 }')
      .replace('local:', 'local:\n  genesis: *balances')
    expect(problemsOf(text).map(({ line, path }) => [line, path])).toEqual([
      [6, 'lattice.genesis.Alice'],
      [6, 'local.genesis.Alice'],
    ])
  })

  it('may have more problems than anyone reads', () => {
    const keys = Array.from({ length: 1200 }, (_, n) => `k${n}: 0`)
    for (const text of [keys.join('\n'), `{${keys.join(', ')}}`, 'a: 1\n'.repeat(1200)]) {
      const { problems, message } = errorOf(text)
      expect(problems).toHaveLength(PROBLEMS_MAX)
      expect(message.endsWith(`and ${PROBLEMS_MAX - PROBLEMS_SHOWN_MAX} more`)).toBe(true)
    }
  })

  it('has more nodes than a lattice may', () => {
    const node = (n: number): string =>
      `  - {name: n${n}, kind: space, role: public, url: 'https://n${n}.hf.space', space: o/n${n}, token: env:T}\n`
    const file = (count: number): string =>
      `lattice: { name: a }\nnodes:\n${Array.from({ length: count }, (_, n) => node(n)).join('')}`
    expect(parseInventory(file(32), 'x').nodes).toHaveLength(32)
    expect(problemsOf(file(33))[0]?.message).toBe('nodes: 33 entries, more than 32')
  })

  it('never gives away a secret that stands in the wrong place', () => {
    const secrets = [
      ['token: env:HF_TOKEN', 'token: SeCrEtSeCrEt'],
      ['token: env:HF_TOKEN', 'token: hf_SeCrEtSeCrEt'],
      ['token: env:HF_TOKEN', 'token: [SeCrEtSeCrEt]'],
      ['token: env:HF_TOKEN', "'token': 'SeCrEtSeCrEt'"],
      ['token: env:HF_TOKEN', 'token: |\n      SeCrEtSeCrEt'],
      ['    token: env:HF_TOKEN', '    hf_SeCrEtSeCrEt: env:HF_TOKEN'],
      ['role: public', 'role: hf_SeCrEtSeCrEt'],
      ['port: 22 }', 'port: 22, password: SeCrEtSeCrEt }'],
      ['space: owner/name', 'space: hf_SeCrEtSeCrEt'],
      ['space: owner/name', 'api_key: SeCrEtSeCrEt'],
      ['https://api.example.com', 'https://me:SeCrEtSeCrEt@api.example.com'],
      ['name: node2', `name: ${'SeCrEtSeCrEt42'.repeat(4)}`],
    ]
    for (const [from = '', to = ''] of secrets) {
      const { message, problems, hint } = errorOf(sound.replace(from, to))
      const shown = JSON.stringify([message, hint, problems])
      expect(shown).not.toContain('SeCrEt')
    }
  })

  it('shows nothing that a terminal would obey', () => {
    const { message } = errorOf(`${sound}\u001b[2J: 1 # \u202e\na\u202eb: 1\n`)
    expect(message).not.toContain('\u001b')
    expect(message).not.toContain('\u202e')
  })

  it('is refused or read, whatever it holds, and every problem has its place', () => {
    const lines = sound.split('\n')
    const word = fc.constantFrom(
      ...`lattice nodes local name kind - : { } [ ] ' " & * ! | > # % @ \t
      node1 space server 5s 443 true null env:X &a *a --- ... ? "\\0" 0x10 .nan ~`.split(/\s+/),
      '  ',
      '\n',
    )
    const edit = fc.record({
      at: fc.nat(lines.length),
      lost: fc.nat(2),
      put: fc.array(word, { maxLength: 4 }),
    })
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const changed = [...lines]
        for (const { at, lost, put } of edits) changed.splice(at, lost, put.join(' '))
        const text = changed.join('\n')
        const problems = refusalOf(text)?.problems
        expect(problems).not.toEqual([])
        expect(problems?.filter((problem) => !isPlaced(problem, text)) ?? []).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})
