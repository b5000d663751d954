import type { ServerSpec, SpaceSpec } from '../inventory/inventory.ts'
import type { LocalEvidence, ServerEvidence, SpaceEvidence } from './evidence.ts'
import { parseFacts } from './facts.ts'

/** What healthy hosts say before anything is deployed, for tests to spoil. */
export const healthyHost = `Welcome to node2!
You have mail.
aethel-lattice-facts 1
sudo granted
clock 1767225600.250000000
port http
port p2p
uid 0
machine x86_64
libc glibc 2.36
os PRETTY_NAME "Debian GNU/Linux 12 (bookworm)"
os ID debian
apt
systemd systemd 252 (252.39-1~deb12u2)
init systemd
service MainPID=0
service ActiveState=inactive
socket ActiveState=inactive
memory MemTotal: 4023620
memory MemAvailable: 3510388
place /opt
place-kind folder
place-access writable
disk 264212084 81395720 16777216 16263317
mount ext4 rw,relatime
current no
node absent
dial 1 closed
dial 0 closed
dial 2 open
end
`

/** The same with lines put in another's place, or taken away. */
export function hostWith(changes: Readonly<Record<string, string>>): string {
  let text = healthyHost
  for (const [line, instead] of Object.entries(changes)) {
    if (!text.includes(line)) throw new Error(`no such line: ${line}`)
    text = text.replace(line, () => instead)
  }
  return text
}

const server = (name: string, address: string): ServerSpec => ({
  name,
  kind: 'server',
  role: 'primary',
  url: `http://${address}:8000`,
  host: address,
  httpPort: 8000,
  p2pPort: 9000,
  webSocketPort: null,
  proxy: null,
  firewall: null,
  ssh: { host: address, port: 22, user: 'ann', identity: null, hostKeys: [] },
  root: '/opt/aethel-lattice',
})

export const spaceSpec: SpaceSpec = {
  name: 'space',
  kind: 'space',
  role: 'public',
  url: 'https://o-n.hf.space',
  space: 'o/n',
  token: { kind: 'env', name: 'HF_TOKEN' },
}

export const NOW_MS = Date.parse('2026-01-01T00:00:00Z')

const refused = {
  kind: 'failed',
  code: 'unreachable',
  status: null,
  message: 'refuses the connection: nothing listens there',
  hint: 'see whether it runs',
} as const

/** `node2` and `node3` look at each other and at the Space. */
export function serverEvidence(
  name: 'node2' | 'node3' = 'node2',
  changes: Partial<ServerEvidence> = {},
  said: string = healthyHost,
): ServerEvidence {
  const [own, other] = name === 'node2' ? ['.2', '.3'] : ['.3', '.2']
  const spec = server(name, `198.51.100${own}`)
  const to = name === 'node2' ? 'node3' : 'node2'
  const host = `198.51.100${other}`
  return {
    kind: 'server',
    spec,
    lookups: [{ host: spec.host, result: 'given', addresses: [spec.host] }],
    login: { kind: 'done', place: `ann@${spec.host}:22` },
    host: { kind: 'read', facts: parseFacts(said), clock: [{ offsetMs: 20, rttMs: 8 }] },
    tls: null,
    answer: refused,
    dials: [
      { to, transport: 'http', host, port: 8000 },
      { to, transport: 'p2p', host, port: 9000 },
      { to: 'space', transport: 'http', host: 'o-n.hf.space', port: 443 },
    ],
    ...changes,
  }
}

const day = 86_400_000

export const soundTls = {
  kind: 'shown',
  chainProblem: null,
  isForThisName: true,
  issuer: 'Let’s Encrypt R11',
  validFromMs: NOW_MS - 30 * day,
  validUntilMs: NOW_MS + 60 * day,
} as const

export const spaceEvidence = (changes: Partial<SpaceEvidence> = {}): SpaceEvidence => ({
  kind: 'space',
  spec: spaceSpec,
  lookups: [{ host: 'o-n.hf.space', result: 'found', addresses: ['203.0.113.7'] }],
  tls: soundTls,
  answer: { kind: 'ours', release: 'r0123456789ab' },
  token: null,
  ...changes,
})

export const localEvidence = (changes: Partial<LocalEvidence> = {}): LocalEvidence => ({
  kind: 'local',
  spec: spaceSpec,
  url: 'http://127.0.0.1:8101',
  isMeantToRun: false,
  pids: [],
  ports: [
    { name: 'http', port: 8101 },
    { name: 'p2p', port: 9101 },
  ],
  listeners: new Map([
    ['http', []],
    ['p2p', []],
  ]),
  disk: { path: '/home/ann', isWritable: true, freeBytes: 50e9, freeInodes: null },
  memory: { totalBytes: 8e9, availableBytes: 4e9 },
  nodeVersion: '26.10.0',
  answer: refused,
  ...changes,
})
