import { describe, expect, it } from 'vitest'
import { NodeAnswerError } from '../ops/client/node-answer-error.ts'
import { exitCodes, OperatorError } from '../ops/errors.ts'
import { InventoryError } from '../ops/inventory/problems.ts'
import { JournalError } from '../ops/rollout/errors.ts'
import { LockedError } from '../ops/rollout/lock-holder.ts'
import { failureDocument, failureOf, InterruptedError, UsageError } from './failure.ts'

const problem = {
  line: 3,
  column: 5,
  width: 4,
  path: 'nodes[0]',
  text: '    nmae: a',
  message: 'unknown key',
  hint: 'did you mean "name"?',
}
const asked = { name: 'node1', url: 'http://127.0.0.1:1' }
const holder = {
  owner: 'ann@desk',
  pid: 7,
  command: 'deploy',
  token: 1,
  ageMs: 5000,
  silentMs: 0,
  isStale: false,
}

describe('an error that the operator can mend', () => {
  it.each([
    [new UsageError('no', 'do'), 64, 'usage'],
    [new InventoryError('nodes.yaml', [problem]), 65, 'bad-inventory'],
    [new NodeAnswerError(asked, 'unreachable', 'nobody there'), 69, 'unreachable'],
    [new NodeAnswerError(asked, 'timeout', 'too slow'), 69, 'timeout'],
    [new NodeAnswerError(asked, 'wrong-identity', 'another'), 1, 'wrong-identity'],
    [new LockedError(holder), 75, 'locked'],
    [new JournalError('journal', 'cannot be written'), 1, 'journal'],
    [new InterruptedError('SIGINT'), 130, 'interrupted'],
    [new OperatorError('split', 'both', { exit: 'split' }), 3, 'split'],
    [new OperatorError('odd', 'who knows', { exit: 'unknown' }), 2, 'odd'],
  ])('keeps its message, exit and code: %s', (error, exit, code) => {
    const failure = failureOf(error)
    expect(failure).toMatchObject({ code, message: error.message, hint: error.hint ?? null })
    expect(exitCodes[failure.exit]).toBe(exit)
    expect(failure).not.toHaveProperty('stack')
  })
})

describe('a no of the file system', () => {
  const refused = (code: string, given: object) =>
    Object.assign(new Error(code), { code, ...given })

  it.each([
    ['EACCES', 'permission denied'],
    ['EPERM', 'not permitted'],
    ['EROFS', 'the file system is read-only'],
    ['ENOSPC', 'no space is left'],
    ['ENOTDIR', 'a part of its path is not a folder'],
  ])('is no defect of the program: %s', (code, why) => {
    const failure = failureOf(refused(code, { path: '/a/keys', syscall: 'mkdir' }))
    expect(failure).toEqual({
      exit: 'failed',
      code: code.toLowerCase(),
      message: `/a/keys cannot be used: ${why}`,
      hint: expect.stringContaining('permissions'),
    })
  })

  it('may be about the output, which has no path', () => {
    expect(failureOf(refused('ENOSPC', { syscall: 'write' }))).toMatchObject({
      exit: 'failed',
      code: 'enospc',
      message: 'the output cannot be used: no space is left',
    })
  })

  it.each([
    ['EACCES', { syscall: 'listen', port: 80 }],
    ['EBADF', { path: '/a', syscall: 'read' }],
  ])('is not taken for anything else: %s', (code, given) => {
    expect(failureOf(refused(code, given))).toMatchObject({ code: 'unforeseen' })
  })
})

describe('an error that nobody foresaw', () => {
  it.each([
    [new TypeError('x is not a function'), 'unforeseen error: x is not a function'],
    ['a string', 'unforeseen error: a string'],
    [undefined, 'unforeseen error: undefined'],
  ])('is short, and says where it is reported: %s', (error, message) => {
    const failure = failureOf(error)
    expect(failure).toMatchObject({ exit: 'failed', code: 'unforeseen', message })
    expect(failure.hint).toMatch(/report.*AETHEL_LATTICE_DEBUG=1/)
  })
})

describe('as JSON', () => {
  it('is code, message and hint', () => {
    expect(failureDocument(failureOf(new UsageError('no', 'do')))).toEqual({
      error: { code: 'usage', message: 'no', hint: 'do' },
    })
    expect(failureDocument(failureOf(new OperatorError('odd', 'who knows')))).toEqual({
      error: { code: 'odd', message: 'who knows', hint: null },
    })
  })

  it('has the problems of a nodes.yaml one by one', () => {
    const error = new InventoryError('nodes.yaml', [problem])
    expect(failureDocument(failureOf(error))).toEqual({
      error: {
        code: 'bad-inventory',
        message: error.message,
        hint: error.hint,
        problems: [problem],
      },
    })
  })

  it('never has a stack', () => {
    expect(JSON.stringify(failureDocument(failureOf(new Error('x'))))).not.toContain('.test.ts')
  })
})
