import { expect, it } from 'vitest'
import type { Diagnosis, Finding, Mark } from '../../ops/doctor/diagnosis.ts'
import { formatDiagnosis } from './doctor.ts'
import { plain } from './paint.ts'

const finding = (
  check: Finding['check'],
  mark: Mark = 'PASS',
  text = 'as it should be',
  hint: string | null = null,
): Finding => ({ check, mark, finding: text, hint })

const diagnosis = (changes: Partial<Diagnosis> = {}): Diagnosis => ({
  verdict: 'PASS',
  phase: 'full',
  nodes: [
    {
      name: 'node2',
      kind: 'server',
      place: 'ann@198.51.100.2:22',
      findings: [finding('dns'), finding('route'), finding('ssh')],
    },
  ],
  dials: [],
  unchecked: [],
  tookMs: 812,
  ...changes,
})

const shown = (changes: Partial<Diagnosis> = {}): string[] =>
  formatDiagnosis(diagnosis(changes), plain).split('\n')

it('is a line for all that is right', () => {
  expect(shown()).toEqual([
    'node2 ann@198.51.100.2:22',
    '  ✔ PASS     dns, route, ssh',
    '',
    '✔ PASS in 812 ms. Nothing was changed.',
  ])
})

it('tells what is wrong first, the worst before the rest, with what to do', () => {
  const findings = [
    finding('dns', 'WARN', 'slow'),
    finding('route'),
    finding('sudo', 'UNKNOWN', 'not asked', 'ask'),
    finding('disk', 'UNKNOWN', 'not seen'),
    finding('clock', 'UNKNOWN', 'not seen'),
    finding('ports', 'FAIL', 'nginx listens', 'stop it'),
  ]
  const nodes = diagnosis().nodes.map((node) => ({ ...node, findings }))
  expect(shown({ verdict: 'FAIL', nodes })).toEqual([
    'node2 ann@198.51.100.2:22',
    '  ✘ FAIL     ports  nginx listens',
    '             → stop it',
    '  ? UNKNOWN  sudo   not asked',
    '             → ask',
    '  ! WARN     dns    slow',
    '  ? UNKNOWN  not seen: disk, clock',
    '  ✔ PASS     route',
    '',
    '✘ FAIL, 1 warning in 812 ms. Nothing was changed.',
  ])
})

it('shows who could dial whom, and what was not looked at', () => {
  const dial = (from: string, to: string, transport: 'http' | 'p2p', outcome: 'open' | null) => ({
    from,
    to,
    transport,
    address: 'a:1',
    outcome,
  })
  const dials = [
    dial('node2', 'node3', 'http', 'open'),
    dial('node2', 'node3', 'p2p', null),
    dial('node2', 'space', 'http', 'open'),
    dial('node3', 'node2', 'http', 'open'),
  ]
  expect(shown({ dials, unchecked: [{ id: 'url', reason: 'node2: nothing runs there' }] })).toEqual(
    [
      'node2 ann@198.51.100.2:22',
      '  ✔ PASS     dns, route, ssh',
      '',
      '  dials  node2      node3             space',
      '  node2  ·          http open, p2p ?  http open',
      '  node3  http open  ·',
      '',
      '  Not checked:',
      '  - url: node2: nothing runs there',
      '',
      '✔ PASS in 812 ms. Nothing was changed.',
    ],
  )
})
