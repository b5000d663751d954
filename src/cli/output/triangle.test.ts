import { expect, it } from 'vitest'
import { check, reported, triangle } from './lattice-report.fixture.ts'
import { plain } from './paint.ts'
import { formatTriangle } from './triangle.ts'

const shown = (given: Parameters<typeof triangle>[0]): string[] =>
  formatTriangle(triangle(given), 'Network Status: 🟢 Resilient (Hybrid Mode)', plain).split('\n')

it('is a line per check, a line per node, and the verdict last', () => {
  expect(shown({})).toEqual([
    '  ✔ PASS  identity  All 2 nodes signed.',
    '  ✔ PASS  roots     All 2 nodes sign one root.',
    '',
    '  node   url                    mode  entries  merkle root   release',
    '  one    http://127.0.0.1:8103  P2P   9        abababababab  r0123456789ab',
    '  three  http://127.0.0.1:8105  P2P   9        abababababab  r0123456789ab',
    '',
    '✔ PASS in 812 ms. Network Status: 🟢 Resilient (Hybrid Mode)',
  ])
})

it('shows the evidence that tells, under a check that is not PASS', () => {
  const evidence = {
    nodes: [
      { node: 'one', verdict: 'PASS', error: null },
      { node: 'three', verdict: 'FAIL', error: { code: 'unreachable', hint: null, tries: [] } },
    ],
  }
  const failed = check({ verdict: 'FAIL', summary: 'three is silent.', evidence })
  expect(shown({ checks: [failed, check({ id: 'roots' })] }).slice(0, 7)).toEqual([
    '  ✘ FAIL  identity  three is silent.',
    '            nodes:',
    '              - node: three',
    '                verdict: FAIL',
    '                error:',
    '                  code: unreachable',
    '  ✔ PASS  roots     All 2 nodes signed.',
  ])
})

it('shows so much evidence and no more', () => {
  const evidence = Array.from({ length: 40 }, (_, index) => index)
  const lines = shown({ checks: [check({ verdict: 'UNKNOWN', evidence })] })
  expect(lines[0]).toBe('  ? UNKNOWN  identity  All 2 nodes signed.')
  expect(lines[24]).toBe('            - 23')
  expect(lines[25]).toBe('            … 16 more lines; --json has all of them')
  expect(lines[26]).toBe('')
})

it('says what was not checked', () => {
  const unchecked = [{ id: 'roots.state', reason: 'The nodes never held the same.' }]
  expect(shown({ unchecked })).toContain('  - roots.state: The nodes never held the same.')
})

it.each([
  ['FAIL', '✘ FAIL in 812 ms.'],
  ['UNKNOWN', '? UNKNOWN in 812 ms.'],
] as const)('ends with %s in words', (verdict, ending) => {
  expect(shown({ verdict }).at(-1)).toContain(ending)
})

it('shows nothing of a node that did not prove who it is', () => {
  const nodes = [reported('one', { reachable: false, entries: null, merkle_root: null })]
  expect(shown({ nodes })).toContain(
    '  one   http://127.0.0.1:8103  ?     ?        ?            not proven to be there',
  )
})
