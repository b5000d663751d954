import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CheckId, Mark } from './diagnosis.ts'
import {
  healthyHost,
  hostWith,
  localEvidence,
  serverEvidence,
  spaceEvidence,
} from './evidence.fixture.ts'
import type { LocalEvidence } from './evidence.ts'
import { findingOf, judged, listens, marksOf, nginx } from './judged.fixture.ts'

describe('healthy bare hosts', () => {
  const diagnosis = judged(serverEvidence('node2'), serverEvidence('node3'), spaceEvidence())

  it('PASS, and what cannot be seen yet is told', () => {
    expect(diagnosis.verdict).toBe('PASS')
    expect(marksOf(diagnosis)).toEqual(
      Object.fromEntries(
        'dns route ssh host-key authentication sudo system disk memory clock node ports dials'
          .split(' ')
          .map((check) => [check, 'PASS']),
      ),
    )
    expect(diagnosis.unchecked.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([
      'url: node2: nothing runs there yet',
      'dials: node2 to node3 (HTTP and libp2p): nothing listens there yet',
      'url: node3: nothing runs there yet',
      'dials: node3 to node2 (HTTP and libp2p): nothing listens there yet',
      'dials: space to the others: a Space dials nobody before it runs',
    ])
  })

  it('are told with what was seen', () => {
    expect(findingOf(diagnosis, 'system')?.finding).toBe(
      'Debian GNU/Linux 12 (bookworm), systemd 252, x86_64',
    )
    expect(findingOf(diagnosis, 'disk')?.finding).toBe('83.3 GB and 16263317 files free in /opt')
    expect(findingOf(diagnosis, 'clock')?.finding).toBe('20 ms ahead of this machine’s (± 4 ms)')
    expect(findingOf(diagnosis, 'ports')?.finding).toBe(
      'nobody listens on 8000 (HTTP) and 9000 (libp2p)',
    )
  })

  it('without any node are UNKNOWN', () => {
    expect(judged().verdict).toBe('UNKNOWN')
  })
})

describe('this machine', () => {
  const listener = (pid: number) => [
    { address: '127.0.0.1:8101', processes: [{ name: 'node', pid, cgroups: [] }] },
  ]
  const ports = (
    http: LocalEvidence['listeners'] extends ReadonlyMap<string, infer T> ? T : never,
  ) =>
    new Map([
      ['http', http],
      ['p2p', []],
    ])

  it('is fit', () => {
    const diagnosis = judged(localEvidence())
    expect(marksOf(diagnosis)).toEqual({
      disk: 'PASS',
      memory: 'PASS',
      node: 'PASS',
      ports: 'PASS',
    })
    expect(diagnosis.unchecked).toEqual([{ id: 'url', reason: 'space: nothing runs there yet' }])
  })

  it.each<[name: string, changes: Partial<LocalEvidence>, check: CheckId, mark: Mark]>([
    ['its own node', { pids: [7], listeners: ports(listener(7)) }, 'ports', 'PASS'],
    ['another program', { listeners: ports(listener(8)) }, 'ports', 'FAIL'],
    ['nobody to tell', { listeners: new Map() }, 'ports', 'UNKNOWN'],
    ['a node that should run', { isMeantToRun: true }, 'url', 'FAIL'],
    [
      'a folder of another',
      { disk: { path: '/x', isWritable: false, freeBytes: 50e9, freeInodes: null } },
      'disk',
      'FAIL',
    ],
    [
      'a full disk',
      { disk: { path: '/x', isWritable: true, freeBytes: 1e6, freeInodes: null } },
      'disk',
      'FAIL',
    ],
  ])('with %s', (_name, changes, check, mark) => {
    expect(marksOf(judged(localEvidence(changes)))[check]).toBe(mark)
  })
})

describe('what was not seen', () => {
  const seen = marksOf(judged(serverEvidence()))
  const hostChecks = ['sudo', 'system', 'disk', 'memory', 'node', 'ports', 'dials'] as const

  it('of a host that says nothing of ours is UNKNOWN, whatever it says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const said = Buffer.from(bytes).toString('utf8')
        const marks = marksOf(judged(serverEvidence('node2', {}, said)))
        for (const check of hostChecks) expect(marks[check]).toBe('UNKNOWN')
      }),
    )
  })

  it('of a host that was cut short is never better than what it would have said', () => {
    const taken = hostWith({
      'port http': listens(nginx),
      'place-access writable': 'place-access refused',
    })
    for (const [text, whole] of [
      [healthyHost, seen],
      [taken, marksOf(judged(serverEvidence('node2', {}, taken)))],
    ] as const) {
      for (let length = 0; length < text.length - 1; length++) {
        const marks = marksOf(judged(serverEvidence('node2', {}, text.slice(0, length))))
        const passed = hostChecks.filter((check) => marks[check] === 'PASS')
        expect([length, passed.filter((check) => whole[check] !== 'PASS')]).toEqual([length, []])
        expect(marks['ports']).toBe('UNKNOWN')
      }
    }
  })

  it('makes no judge throw, whatever lines there are', () => {
    const tags = [...new Set(healthyHost.split('\n').map((line) => line.replace(/ [^ ]*$/, '')))]
    const line = fc.tuple(fc.constantFrom(...tags, 'listen http', 'cgroup http 1'), fc.string())
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
        const said = ['aethel-lattice-facts 1', ...lines.map((words) => words.join(' ')), 'end', '']
        const diagnosis = judged(serverEvidence('node2', {}, said.join('\n')))
        expect(diagnosis.nodes[0]?.findings.length).toBeGreaterThan(0)
      }),
    )
  })

  it('shows nothing that a terminal obeys', () => {
    const changes = { '"Debian GNU/Linux 12 (bookworm)"': '"\u001b[2J\u0007evil"' }
    const finding = findingOf(judged(serverEvidence('node2', {}, hostWith(changes))), 'system')
    expect(finding?.finding).toMatch(/^ \[2J evil, systemd/)
  })
})
