import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { syncPolicies, type SyncPolicy } from '../../wire/protocol.ts'
import {
  activeMode,
  isHttpWanted,
  isLive,
  type LungState,
  type ModeEvidence,
  type P2pLife,
} from './mode.ts'

interface PeerEvidence {
  p2p: P2pLife
  isHttpFresh: boolean
}

const lives = ['alive', 'suspect', 'dead', 'off'] as const
const lungs = ['off', 'starting', 'running', 'failed'] as const

const evidenceOf = (
  policy: SyncPolicy,
  lung: LungState,
  peers: readonly PeerEvidence[],
): ModeEvidence => ({
  policy,
  lung,
  peers: peers.length,
  live: peers.filter(({ p2p }) => isLive(p2p)).length,
  fresh: peers.filter(({ isHttpFresh }) => isHttpFresh).length,
})

const peer = (p2p: P2pLife, isHttpFresh = false): PeerEvidence => ({ p2p, isHttpFresh })

describe('the active mode', () => {
  const table: [SyncPolicy, LungState, PeerEvidence[], string, string][] = [
    ['auto', 'running', [], 'NONE', 'the lattice has no other member'],
    ['auto', 'running', [peer('alive'), peer('alive')], 'P2P', '2 of 2 peers over P2P'],
    ['auto', 'running', [peer('alive'), peer('dead', true)], 'P2P', '1 of 2 peers over P2P'],
    ['auto', 'running', [peer('suspect', true), peer('dead')], 'P2P', '1 of 2 peers over P2P'],
    [
      'auto',
      'running',
      [peer('dead', true), peer('dead', true)],
      'HTTP',
      'no P2P peer, 2 of 2 peers over HTTP',
    ],
    ['auto', 'running', [peer('dead'), peer('dead')], 'NONE', 'no P2P peer, no HTTP peer'],
    ['auto', 'off', [peer('off', true), peer('off')], 'HTTP', 'P2P is off, 1 of 2 peers over HTTP'],
    ['auto', 'failed', [peer('off', true)], 'HTTP', 'P2P did not start, 1 of 1 peers over HTTP'],
    ['auto', 'starting', [peer('off')], 'NONE', 'P2P is starting, no HTTP peer'],
    ['p2p', 'running', [peer('alive')], 'P2P', '1 of 1 peers over P2P'],
    ['p2p', 'running', [peer('dead', true)], 'NONE', 'no P2P peer, policy is p2p'],
    ['p2p', 'failed', [peer('off', true)], 'NONE', 'P2P did not start, policy is p2p'],
    ['http', 'running', [peer('alive', true)], 'HTTP', 'policy is http, 1 of 1 peers over HTTP'],
    ['http', 'off', [peer('off')], 'NONE', 'policy is http, no HTTP peer'],
  ]
  it.each(table)('%s, lung %s, %j: %s', (policy, lung, peers, active, reason) => {
    expect(activeMode(evidenceOf(policy, lung, peers))).toEqual({ active, reason })
  })

  it('never claims what no peer shows, nor what the policy forbids', () => {
    const evidence = fc.record({
      policy: fc.constantFrom(...syncPolicies),
      lung: fc.constantFrom(...lungs),
      peers: fc.array(fc.record({ p2p: fc.constantFrom(...lives), isHttpFresh: fc.boolean() }), {
        maxLength: 4,
      }),
    })
    fc.assert(
      fc.property(evidence, (given) => {
        const { active, reason } = activeMode(evidenceOf(given.policy, given.lung, given.peers))
        const isAnyLive = given.peers.some(({ p2p }) => p2p === 'alive' || p2p === 'suspect')
        const isAnyFresh = given.peers.some(({ isHttpFresh }) => isHttpFresh)
        const isP2pUsable = isAnyLive && given.policy !== 'http'
        const isHttpUsable = isAnyFresh && given.policy !== 'p2p'
        expect(active).toBe(isP2pUsable ? 'P2P' : isHttpUsable ? 'HTTP' : 'NONE')
        expect(reason).not.toBe('')
      }),
    )
  })
})

describe('whether HTTP serves a peer', () => {
  it('always by policy http, never by policy p2p', () => {
    for (const lung of lungs) {
      for (const life of lives) {
        for (const isSettling of [true, false]) {
          expect(isHttpWanted('http', lung, life, isSettling)).toBe(true)
          expect(isHttpWanted('p2p', lung, life, isSettling)).toBe(false)
        }
      }
    }
  })

  const table: [LungState, P2pLife, boolean, boolean][] = [
    ['running', 'alive', false, false],
    ['running', 'alive', true, false],
    ['running', 'suspect', false, true],
    ['running', 'suspect', true, true],
    ['running', 'dead', true, false],
    ['running', 'dead', false, true],
    ['starting', 'off', true, false],
    ['starting', 'off', false, true],
    ['failed', 'off', true, true],
    ['off', 'off', true, true],
    ['off', 'off', false, true],
  ]
  it.each(table)('in auto, lung %s, peer %s, settling %s: %s', (lung, life, isSettling, wanted) => {
    expect(isHttpWanted('auto', lung, life, isSettling)).toBe(wanted)
  })
})
