import { describe, expect, it } from 'vitest'
import { formatBackup, formatLag, formatProofs, formatRestorePlan } from './backup.ts'
import { plain } from './paint.ts'

const document = {
  file: 'b.frames',
  bytes: 2165,
  lattice: 'ab'.repeat(32),
  entries: 7,
  authors: 3,
  root: '14'.repeat(32),
  root_entries: 6,
  signed_by: 'node1',
  signed_at: '2026-01-02T03:04:05.678Z',
}

describe('a backup', () => {
  it('is told with what was proven', () => {
    expect(formatBackup(document, 'from node1', plain)).toBe(
      `✔ b.frames, from node1: 7 entries of 3 authors, 2165 bytes
  every signature and chain  verified
  root                       ${document.root} over 6 entries, recomputed
  signed                     by node1 at 2026-01-02T03:04:05.678Z`,
    )
  })

  it('that others are ahead of says so, and who was not heard', () => {
    expect(formatLag({ lacking: [], silent: [] }, plain)).toEqual([])
    const lag = { lacking: [{ node: 'node2', entries: 1 }], silent: ['node3'] }
    expect(formatLag(lag, plain)).toEqual([
      '! node2 held 1 more entry: back up that node, or try again',
      '? node3 did not answer: whether it holds more is not known',
    ])
  })
})

describe('a restore', () => {
  it('says what it would bring', () => {
    const plan = { held: new Map(), heldEntries: 1, missingEntries: 6, missingSeals: 0 }
    expect(formatRestorePlan('node1', plan, plain)).toBe(
      '→ node1 holds 1 entry; 6 entries of the backup would be brought to it',
    )
    expect(formatRestorePlan('node1', { ...plan, missingEntries: 0, missingSeals: 2 }, plain)).toBe(
      '→ node1 holds 1 entry; 0 entries and 2 ends of logs of the backup would be brought to it',
    )
    expect(formatRestorePlan('node1', { ...plan, missingEntries: 0 }, plain)).toBe(
      '= node1 holds 1 entry, and lacks nothing of the backup',
    )
  })

  it('says of each earlier word whether it is kept, and what was not looked at', () => {
    const proofs = [
      { about: 'the backup', verdict: 'PASS', message: 'node1 signs it' },
      { about: 'node2 at the last verification', verdict: 'FAIL', message: 'node1 lacks it' },
    ] as const
    const told = {
      verdict: 'FAIL',
      done: '6 entries brought to node1',
      proofs,
      unchecked: ['x'],
    } as const
    expect(formatProofs(told, plain).split('\n')).toEqual([
      '  ✔ PASS  the backup                      node1 signs it',
      '  ✘ FAIL  node2 at the last verification  node1 lacks it',
      '',
      '✘ FAIL: 6 entries brought to node1.',
      expect.stringContaining('another node or a newer backup'),
      'Not checked: x',
    ])
  })
})
