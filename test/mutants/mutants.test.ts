import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judge, type TestReport } from './judged.ts'
import { plant } from './mutant.ts'
import { mutants } from './mutants.ts'

const root = join(import.meta.dirname, '../..')

describe('the planted bugs', () => {
  it('have names of their own', () => {
    expect(new Set(mutants.map(({ id }) => id)).size).toBe(mutants.length)
  })

  it.each(mutants)('$id has just one place', (mutant) => {
    const path = join(root, mutant.file)
    expect(existsSync(path)).toBe(true)
    const sound = readFileSync(path, 'utf8')
    expect(plant(mutant, sound)).not.toBe(sound)
  })

  it('are not planted where there is no place, or more than one', () => {
    const mutant = { id: 'a.b', about: '', file: 'x', find: 'aa', replace: '$&' }
    expect(plant(mutant, 'xaay')).toBe('x$&y')
    expect(() => plant(mutant, 'xay')).toThrow('0 places')
    expect(() => plant(mutant, 'aa aa')).toThrow('2 places')
  })
})

describe('the verdict', () => {
  const mutant = { id: 'a.b', about: 'does harm', file: 'src/x.ts', find: '', replace: '' }
  const fileOf = (status: string, message = ''): TestReport['testResults'][number] => ({
    name: '/tree/src/x.test.ts',
    startTime: 0,
    endTime: 1,
    message,
    assertionResults:
      message === ''
        ? [{ status, fullName: 'x does y', failureMessages: ['AssertionError: no\n  at x'] }]
        : [],
  })

  it('is caught only by a test that failed', () => {
    const report = { success: false, testResults: [fileOf('passed'), fileOf('failed')] }
    expect(judge(mutant, report, '/tree')).toMatchObject({
      verdict: 'caught',
      caughtBy: { file: 'src/x.test.ts', test: 'x does y' },
      reason: 'AssertionError: no',
    })
  })

  it('is survived when all passed', () => {
    const report = { success: true, testResults: [fileOf('passed')] }
    expect(judge(mutant, report, '/tree').verdict).toBe('survived')
  })

  it('is broken when the code does not load, or the tests do not end, or end badly', () => {
    const unloaded = { success: false, testResults: [fileOf('', 'SyntaxError: x')] }
    expect(judge(mutant, unloaded, '/tree')).toMatchObject({
      verdict: 'broken',
      reason: 'SyntaxError: x',
    })
    expect(
      judge(mutant, { success: false, testResults: [fileOf('passed')] }, '/tree').verdict,
    ).toBe('broken')
    expect(judge(mutant, null, '/tree').verdict).toBe('broken')
  })
})
