import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COMMAND_BYTES_MAX } from './limits.ts'
import { checkedCommand, shellCommand } from './shell-command.ts'

/** What a program gets when a real shell runs the command. */
function received(argv: readonly string[]): string[] {
  const command = shellCommand(['printf', '%s\\0', 'first', ...argv])
  const said = execFileSync('sh', ['-c', command], { encoding: 'utf8' })
  return said.split('\0').slice(1, -1)
}

describe('arguments', () => {
  it.each([
    [[]],
    [['']],
    [['', ' ', '\t', '\n', '\r\n', 'a\n\nb\n']],
    [[`'`, `''`, `'\\''`, `"`, `\\`, `\\\\`, `\\'`, '`id`', '$(touch x)', '${HOME}', '$HOME']],
    [['-', '--', '-rf', '--help', '~', '~root', '*', '?', '[a-z]', '{a,b}', '!', '!!', '#']],
    [['a=b', 'if', ';', '&', '&&', '|', '>x', '<x', '(', ')', 'x # y', '%s', '\\0']],
    [['ö', '漢字', '👩‍🚀', '\u202e', '\u0007', '\u001b[31m', '\u00a0']],
  ])('reach a program as they are: %j', (argv) => {
    expect(received(argv)).toEqual(argv)
  })

  it('reach a program as they are, whatever they are', () => {
    const unit = fc.oneof(
      fc.constantFrom(...`'"\\$\`(){}[]*?!#~&|;<>=- \t\n\r`.split('')),
      fc.constantFrom('ö', 'e\u0301', '漢', '👩‍🚀', '\u202e', '\ufeff', '\u{10ffff}'),
      fc.string({ unit: 'binary-ascii', maxLength: 2 }),
    )
    const argument = fc.array(unit, { maxLength: 12 }).map((parts) => parts.join(''))
    const sound = argument.filter((text) => text.isWellFormed() && !text.includes('\0'))
    fc.assert(
      fc.property(fc.array(sound, { maxLength: 12 }), (argv) => {
        expect(received(argv)).toEqual(argv)
      }),
      { numRuns: 60 },
    )
  })

  it.each([
    ['reserved', ['if']],
    ['an assignment', ['a=b']],
    ['a folder’s name', ['~']],
  ])('name a program, never a word of the shell: %s', (_what, argv) => {
    const ran = (): string =>
      execFileSync('sh', ['-c', shellCommand(argv)], { stdio: 'pipe' }).toString()
    expect(ran).toThrow(/not found/)
  })

  it.each<[string, readonly string[]]>([
    ['none', []],
    ['no name', ['']],
    ['a NUL', ['echo', 'a\0b']],
    ['half a character', ['echo', '\ud800']],
    ['too many', ['echo', 'x'.repeat(COMMAND_BYTES_MAX)]],
  ])('are refused: %s', (_what, argv) => {
    expect(() => shellCommand(argv)).toThrow(RangeError)
  })
})

it('takes text for a shell as it is', () => {
  expect(checkedCommand('cd /opt && ls')).toBe('cd /opt && ls')
  expect(() => checkedCommand('a\0')).toThrow(RangeError)
})
