import { describe, expect, it } from 'vitest'
import type { CheckId, Mark } from './diagnosis.ts'
import { healthyHost, hostWith, serverEvidence } from './evidence.fixture.ts'
import { parseFacts } from './facts.ts'
import { findingOf, judged, listens, marksOf, nginx, ours, systemd } from './judged.fixture.ts'

type Case = [
  name: string,
  check: CheckId,
  mark: Mark,
  changes: Readonly<Record<string, string>>,
  finding: RegExp,
]

const cases: Case[] = [
  ['login as root', 'sudo', 'PASS', { 'sudo granted': 'sudo needless' }, /as root/],
  ['a password', 'sudo', 'UNKNOWN', { 'sudo granted': 'sudo asks' }, /asks ann for a password/],
  ['no right', 'sudo', 'FAIL', { 'sudo granted': 'sudo refused' }, /ann may not use sudo/],
  ['no sudo', 'sudo', 'FAIL', { 'sudo granted': 'sudo missing' }, /there is no sudo/],
  ['sudo that makes no root', 'sudo', 'UNKNOWN', { 'uid 0': 'uid 1000' }, /did not make root/],
  ['old systemd', 'system', 'FAIL', { 'systemd 252 (252.39-1~deb12u2)': 'systemd 247' }, /247 is/],
  [
    'no systemd',
    'system',
    'FAIL',
    { 'systemd systemd 252 (252.39-1~deb12u2)': 'systemd none' },
    /no systemd/,
  ],
  ['a container', 'system', 'FAIL', { 'init systemd': 'init other' }, /does not run this host/],
  ['32 bits', 'system', 'FAIL', { 'machine x86_64': 'machine armv7l' }, /no Node.js for armv7l/],
  [
    'an old C library',
    'system',
    'FAIL',
    { 'glibc 2.36': 'glibc 2.27' },
    /2.27, is older than 2.28/,
  ],
  ['another C library', 'system', 'UNKNOWN', { 'libc glibc 2.36': '' }, /glibc/],
  [
    'another system',
    'system',
    'WARN',
    { 'os ID debian': 'os ID "fedora"' },
    /not made from Debian/,
  ],
  [
    'made from Debian',
    'system',
    'PASS',
    { 'os ID debian': 'os ID ubuntu\nos ID_LIKE debian' },
    /./,
  ],
  ['a full disk', 'disk', 'FAIL', { '264212084 81395720': '264212084 1024' }, /only 1.0 MB/],
  ['little room', 'disk', 'WARN', { '264212084 81395720': '264212084 1024000' }, /only 1.0 GB/],
  ['no inodes', 'disk', 'FAIL', { '16777216 16263317': '16777216 12' }, /12 files free/],
  ['inodes without end', 'disk', 'PASS', { '16777216 16263317': '0 0' }, /83.3 GB free/],
  ['a read-only disk', 'disk', 'FAIL', { 'ext4 rw,relatime': 'ext4 ro,relatime' }, /read-only/],
  [
    'a disk that failed',
    'disk',
    'FAIL',
    { 'rw,relatime': 'rw,relatime,emergency_ro' },
    /read-only/,
  ],
  ['a disk without programs', 'disk', 'FAIL', { 'rw,relatime': 'rw,noexec' }, /mounted noexec/],
  ['a locked folder', 'disk', 'FAIL', { 'access writable': 'access refused' }, /even by root/],
  ['a file in its place', 'disk', 'FAIL', { 'kind folder': 'kind other' }, /is no folder/],
  ['eyes of a user', 'disk', 'UNKNOWN', { 'uid 0': 'uid 1000' }, /only root can tell/],
  ['a disk not told', 'disk', 'UNKNOWN', { 'disk 2642': 'x 2642' }, /did not say/],
  ['a mount not told', 'disk', 'UNKNOWN', { 'mount ext4': 'x ext4' }, /did not say/],
  ['little memory', 'memory', 'FAIL', { '3510388': '102400' }, /only 105 MB of 4.1 GB/],
  ['scarce memory', 'memory', 'WARN', { '3510388': '409600' }, /only 419 MB/],
  ['memory not told', 'memory', 'UNKNOWN', { 'memory MemAvailable: 3510388': '' }, /did not say/],
  ['Node.js there', 'node', 'PASS', { 'node absent': 'node 0 755 121000000' }, /26.10.0 is there/],
  ['Node.js of a user', 'node', 'WARN', { 'node absent': 'node 1000 755 1' }, /others than root/],
  ['Node.js open to all', 'node', 'WARN', { 'node absent': 'node 0 777 1' }, /others than root/],
  ['Node.js broken', 'node', 'WARN', { 'node absent': 'node unfit' }, /cannot be run/],
  ['Node.js not told', 'node', 'UNKNOWN', { 'node absent': '' }, /did not say/],
  [
    'a stranger on the port',
    'ports',
    'FAIL',
    { 'port http': listens(nginx) },
    /^nginx \(pid 812\)/,
  ],
  [
    'the node’s service',
    'ports',
    'PASS',
    { 'port http': listens(nginx, ours) },
    /the node listens on 8000/,
  ],
  [
    'a user’s unit of the same name',
    'ports',
    'FAIL',
    { 'port http': listens(nginx, ours.replace('system.slice', 'user.slice/user-1000.slice')) },
    /nginx/,
  ],
  [
    'a port of systemd’s own',
    'ports',
    'FAIL',
    { 'port http': listens(systemd) },
    /systemd \(pid 1\)/,
  ],
  [
    'the node’s socket unit',
    'ports',
    'PASS',
    {
      'port http': listens(systemd),
      'socket ActiveState=inactive':
        'socket Listen=0.0.0.0:8000 (Stream)\nsocket ActiveState=active',
    },
    /the node listens on 8000/,
  ],
  [
    'a socket unit for another port',
    'ports',
    'FAIL',
    {
      'port http': listens(systemd),
      'socket ActiveState=inactive':
        'socket Listen=0.0.0.0:18000 (Stream)\nsocket ActiveState=active',
    },
    /systemd/,
  ],
  [
    'a stranger beside the node',
    'ports',
    'FAIL',
    { 'port http': listens(nginx, ours, nginx.replaceAll('812', '900')) },
    /^nginx \(pid 900\)/,
  ],
  [
    'nobody that can be seen',
    'ports',
    'UNKNOWN',
    { 'port http': listens('listen http LISTEN 0 511 [::]:8000 [::]:*') },
    /cannot be seen/,
  ],
  [
    'a listener that cannot be read',
    'ports',
    'UNKNOWN',
    { 'port http': listens('listen http ?') },
    /was not seen/,
  ],
  ['no ss', 'ports', 'UNKNOWN', { 'port p2p': '' }, /9000 \(libp2p\) was not seen/],
]

describe('a host with', () => {
  it.each(cases)('%s: %s is %s', (_name, check, mark, changes, finding) => {
    const diagnosis = judged(serverEvidence('node2', {}, hostWith(changes)))
    expect(findingOf(diagnosis, check)).toMatchObject({
      mark,
      finding: expect.stringMatching(finding),
    })
    expect(diagnosis.verdict).toBe(mark === 'WARN' ? 'PASS' : mark)
  })

  it.each(cases.filter(([, , mark]) => mark === 'FAIL'))(
    '%s is told with what to do',
    (_name, check, _mark, changes) => {
      const diagnosis = judged(serverEvidence('node2', {}, hostWith(changes)))
      expect(findingOf(diagnosis, check)?.hint).toEqual(expect.any(String))
    },
  )

  it.each<[offsetMs: number, rttMs: number, mark: Mark]>([
    [0, 0, 'PASS'],
    [-499, 2, 'PASS'],
    [-501, 2, 'UNKNOWN'],
    [502, 2, 'FAIL'],
    [0, 1200, 'UNKNOWN'],
    [3_600_000, 40, 'FAIL'],
  ])('a clock that is %d ms off, ± half of %d ms: %s', (offsetMs, rttMs, mark) => {
    const facts = parseFacts(healthyHost)
    const clock = [
      { offsetMs: 9e9, rttMs: rttMs + 1 },
      { offsetMs, rttMs },
    ]
    const host = { kind: 'read', facts, clock } as const
    expect(marksOf(judged(serverEvidence('node2', { host })))['clock']).toBe(mark)
  })
})
