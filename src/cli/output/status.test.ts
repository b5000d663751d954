import { describe, expect, it } from 'vitest'
import type { ObservedNode } from '../../ops/targets/target.ts'
import type { NodeStatus } from '../../ops/verify/status.ts'
import { plain } from './paint.ts'
import { formatStatus } from './status.ts'

describe('status', () => {
  const node: NodeStatus = {
    name: 'node1',
    url: 'http://127.0.0.1:8101',
    peer_id: '12D3KooW',
    reachable: true,
    error: null,
    hint: null,
    overall: 'healthy',
    release: 'r0123456789ab',
    pid: 42,
    mode: 'P2P',
    policy: 'auto',
    peers: { connected: 1, total: 1 },
    entries: 6,
    merkle_root: 'abababababab',
    uptime_ms: 61_000,
    fault: null,
  }
  const silent: NodeStatus = {
    ...node,
    name: 'node2',
    reachable: false,
    error: 'node2 (http://127.0.0.1:8102): nobody there',
    hint: 'see whether it runs',
  }
  const network = {
    state: 'degraded',
    verdict: 'FAIL',
    text: 'Network Status: 🟠 Degraded',
  } as const
  const observed = (process: Partial<ObservedNode['process']>): ObservedNode[] => [
    {
      name: 'node2',
      current: null,
      contents: null,
      lacks: [],
      overrides: [],
      held: [],
      process: {
        state: 'stopped',
        isSupervised: true,
        pid: null,
        startedAt: null,
        restarts: 0,
        lastExit: null,
        ...process,
      },
    },
  ]

  it('is the network, a line per node, and what is wrong with silent ones', () => {
    expect(formatStatus({ network, nodes: [node, silent] }, [], plain)).toBe(
      `Network Status: 🟠 Degraded

  node   url                    state    mode  peers  entries  root          release        up
  node1  http://127.0.0.1:8101  healthy  P2P   1/1    6        abababababab  r0123456789ab  1 min 1 s
  node2  http://127.0.0.1:8101  silent

✘ node2 (http://127.0.0.1:8102): nobody there
  → see whether it runs`,
    )
  })

  it.each([
    [{}, 'stopped'],
    [
      { state: 'failing', restarts: 3, lastExit: exit(1, null) },
      'failing, no process, restarts 3, last exit 1',
    ],
    [{ state: 'failing', isSupervised: false, pid: 7 }, 'runs unsupervised, pid 7, restarts 0'],
    [
      { state: 'running', pid: 7, lastExit: exit(null, 'SIGKILL') },
      'running, pid 7, restarts 0, last exit SIGKILL',
    ],
  ] as const)('knows the process of a node on this machine: %j', (process, state) => {
    const text = formatStatus({ network, nodes: [silent] }, observed(process), plain)
    expect(text.includes('✘')).toBe(state !== 'stopped')
    expect(text.includes('deploy starts stopped nodes')).toBe(state === 'stopped')
    expect(text).toContain(`  node2  http://127.0.0.1:8101  ${state}\n`)
  })

  it('warns of a node that nothing would restart, whether it answers or not', () => {
    const process = { state: 'failing', isSupervised: false, pid: 7 } as const
    for (const one of [silent, { ...node, name: 'node2' }]) {
      const text = formatStatus({ network, nodes: [one] }, observed(process), plain)
      expect(text).toContain('! node2 runs unsupervised: nothing restarts it when it ends')
      expect(text).toContain('→ deploy gives it a supervisor again')
    }
    const supervised = observed({ state: 'failing', isSupervised: true, pid: 7 })
    const stopped = observed({ state: 'stopped', isSupervised: false })
    for (const fine of [supervised, stopped, []]) {
      expect(formatStatus({ network, nodes: [silent] }, fine, plain)).not.toContain('unsupervised')
    }
  })

  it('shows a policy and a fault that somebody set', () => {
    const fault = { kind: 'p2p-stop', ends_in_ms: 4000 }
    const nodes: NodeStatus[] = [{ ...node, mode: 'HTTP', policy: 'http', fault }]
    const text = formatStatus({ network, nodes }, [], plain)
    expect(text).toContain('HTTP (policy http)')
    expect(text).toContain('! node1 has a fault on purpose: p2p-stop, for 4.0 s more')
  })

  function exit(code: number | null, signal: string | null) {
    return { code, signal, error: null, at: '2026-01-02T03:04:05Z' }
  }
})
