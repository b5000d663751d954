import { COMMAND_BYTES_MAX } from './limits.ts'

/** Text for the shell of a host, made of arguments. The only place where arguments become shell text. */

/**
 * The command line that makes any POSIX shell run exactly these arguments.
 *
 * @throws RangeError for arguments that no command can have: none, a NUL, half a character, too long
 */
export function shellCommand(argv: readonly string[]): string {
  if (argv.length === 0 || argv[0] === '') throw new RangeError('a command has a name')
  return checkedCommand(argv.map(quotedArgument).join(' '))
}

/** A command as a server takes it. @throws RangeError */
export function checkedCommand(command: string): string {
  if (command.includes('\0') || !command.isWellFormed()) {
    throw new RangeError('a command holds no NUL and no half characters')
  }
  if (Buffer.byteLength(command) > COMMAND_BYTES_MAX) {
    throw new RangeError(`a command is over ${COMMAND_BYTES_MAX} bytes`)
  }
  return command
}

/**
 * Always in quotes: within them only `'` means something. A bare word could be a reserved one (`if`),
 * an alias, an assignment (`a=b`), a pattern or a home folder (`~`).
 */
const quotedArgument = (argument: string): string => `'${argument.replaceAll("'", `'\\''`)}'`
