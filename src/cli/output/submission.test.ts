import { describe, expect, it } from 'vitest'
import { plain } from './paint.ts'
import { formatSubmission } from './submission.ts'

describe('a submission', () => {
  const receipt = {
    author: 'a',
    seq: 3,
    id: 'ab'.repeat(32),
    level: 'replicated',
    replicas: 2,
    outcome: 'applied',
    provisional: true,
    reason: null,
    via: 'local',
    age_ms: 1,
  } as const
  const intent = {
    name: 'transfer',
    status: 'PROVED',
    message: 'stored as entry 3',
    receipt,
  } as const
  const answer = {
    success: true,
    status: 'PROVED',
    message: '1 of 1',
    intents: [intent],
    errors: null,
    merkle_root: 'cd'.repeat(32),
  } as const
  const common = { node: 'node1', nodes: 3, wait: 'replicated:2', isReached: true }
  const shown = (given: object) =>
    formatSubmission(
      { ...common, answer: { ...answer, intents: [intent], errors: null }, ...given },
      plain,
    )

  it('that was stored says where', () => {
    expect(shown({})).toBe(
      `✔ PROVED on node1: stored as entry 3 (on 2 of 3 nodes, provisional)
merkle root ${'cd'.repeat(32)}`,
    )
  })

  it('that is not yet where it should be says so', () => {
    expect(shown({ isReached: false })).toContain('? not replicated:2 within the time')
  })

  it('that was refused says why', () => {
    const intents = [{ name: 'transfer', status: 'FAILED', message: 'overdraft', receipt: null }]
    const refused = { ...answer, success: false, status: 'FAILED', intents, merkle_root: null }
    expect(shown({ answer: refused })).toBe('✘ FAILED on node1: overdraft')
  })

  it('that is open says what the node said, and what to do', () => {
    const refused = {
      ...answer,
      status: 'ERROR',
      message: 'stopping',
      intents: [],
      merkle_root: null,
    }
    expect(shown({ answer: refused, isReached: false })).toMatch(
      /^\? ERROR: stopping\nIt may have been written: look at the balances/,
    )
  })
})
