import { OperatorError } from '../errors.ts'
import { PROBLEMS_SHOWN_MAX, SHOWN_CHARS_MAX } from './limits.ts'

/** One thing wrong with nodes.yaml. */
export interface Problem {
  /** 1-based, in characters; `width` characters from `column` are meant. */
  line: number
  column: number
  width: number
  /** Where in the data, such as `nodes[1].url`; empty for the whole file. */
  path: string
  /** The line as it stands, with anything masked that may be a secret. */
  text: string
  message: string
  /** What to do about it. */
  hint: string
}

/**
 * nodes.yaml cannot be used. Holds every problem, in the order of the file; the message shows the first
 * of them.
 */
export class InventoryError extends OperatorError {
  override readonly name = 'InventoryError'
  /** As the operator gave it. */
  readonly file: string
  readonly problems: readonly Problem[]

  constructor(file: string, problems: readonly Problem[]) {
    const shown = problems.slice(0, PROBLEMS_SHOWN_MAX)
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    const rest = problems.length - shown.length
    const tail = rest === 0 ? [] : [`and ${rest} more`]
    const all = [`${file} has ${count}`, ...shown.map((one) => formatProblem(file, one)), ...tail]
    super('bad-inventory', all.join('\n\n'), {
      exit: 'badInput',
      hint: `mend ${file} and try again`,
    })
    this.file = file
    this.problems = problems
  }
}

/** A problem for people: `file:line:column: message`, the line, a caret under it, the hint. */
function formatProblem(file: string, problem: Problem): string {
  const { line, column, width, text, message, hint } = problem
  const from = Math.max(0, Math.min(column - 1, column + width - SHOWN_CHARS_MAX))
  const shown = text.slice(from, from + SHOWN_CHARS_MAX)
  const mark = '^'.repeat(Math.max(1, Math.min(width, shown.length - (column - 1 - from))))
  const margin = `${line}`.length
  return [
    `${file}:${line}:${column}: ${message}`,
    `  ${line} | ${shown}`,
    `  ${' '.repeat(margin)} | ${' '.repeat(column - 1 - from)}${mark}`,
    `  hint: ${hint}`,
  ].join('\n')
}

const SECRET_VALUE =
  /((?:token|secret|passw|passphrase|private|credential|identity|seed|key)[\w-]{0,40}["']?\s{0,8}:\s{1,8})(?!["']?(?:env|file|cmd):)(\S.*)$/i
const HUB_TOKEN = /hf_\w+/g
const URL_USER = /(?<=:\/\/)[^\s/@]{1,256}(?=@)/g
const LONG_RUN = /[A-Za-z0-9+/=]{40,}/g

const dots = (text: string): string => '•'.repeat(text.length)

/** Text as it may be shown: the hub's tokens masked, what a terminal would obey replaced. */
export const printable = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => (char === '\t' ? ' ' : dots(char)))
    .replace(HUB_TOKEN, dots)

/** A line of the file as it may be shown: masked wherever it may hold a secret. Columns stay. */
export const shownLine = (line: string): string =>
  printable(line)
    .replace(SECRET_VALUE, (_, key: string, value: string) => key + dots(value))
    .replace(URL_USER, dots)
    .replace(LONG_RUN, (run) => (/[0-9]/.test(run) && /[A-Za-z]/.test(run) ? dots(run) : run))
