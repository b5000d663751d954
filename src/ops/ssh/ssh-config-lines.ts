import { LineType, parse as parseConfig } from 'ssh-config'
import { OperatorError } from '../errors.ts'
import { matchesPatterns } from './host-pattern.ts'
import { CONFIG_DEPTH_MAX } from './limits.ts'

/** What files of ssh_config(5) say about one host. Pure: nothing is run, read or looked up. */

/** One file, with the files that its `Include` lines name, by the line's value as it stands. */
export interface ConfigSource {
  path: string
  text: string
  included: ReadonlyMap<string, readonly ConfigSource[]>
}

/** Whom `Host` and `Match` lines are compared with. */
export interface ConfigSubject {
  /** The host as it was asked for. */
  alias: string
  /** The user given beside it; null: the configuration's, or the local one. */
  user: string | null
  localUser: string
}

/** The values of each keyword, in lower case: all of them in the order of the files. */
export type ConfigValues = ReadonlyMap<string, readonly (readonly string[])[]>

type Line = ReturnType<typeof parseConfig>[number]
interface Walk {
  subject: ConfigSubject
  values: Map<string, string[][]>
  isFinalPass: boolean
  hasFinal: boolean
}

/**
 * What `sources` say about `subject`; of most keywords the first value counts. `Match exec` never
 * matches, nor does any other criterion that would have to be looked up.
 *
 * @throws OperatorError for a file that cannot be read as a configuration
 */
export function configValues(
  sources: readonly ConfigSource[],
  subject: ConfigSubject,
): ConfigValues {
  const walk: Walk = { subject, values: new Map(), isFinalPass: false, hasFinal: false }
  for (const source of sources) walkSource(source, walk, true, 0)
  // As ssh does: `Match final` is looked at again once all else is known.
  if (walk.hasFinal) {
    const again: Walk = { ...walk, values: new Map(), isFinalPass: true }
    for (const [key, values] of walk.values) again.values.set(key, [...values])
    for (const source of sources) walkSource(source, again, true, 0)
    return again.values
  }
  return walk.values
}

/** The values of every `Include` line of a file. @throws OperatorError */
export function includesIn(source: Pick<ConfigSource, 'path' | 'text'>): readonly string[][] {
  const linesOf = (lines: readonly Line[]): readonly Line[] =>
    lines.flatMap((line) => ('config' in line ? [line, ...linesOf(line.config)] : [line]))
  return linesOf(parse(source)).flatMap((line) =>
    line.type === LineType.DIRECTIVE && line.param.toLowerCase() === 'include'
      ? [valuesOf(line.value)]
      : [],
  )
}

function walkSource(source: ConfigSource, walk: Walk, isActive: boolean, depth: number): void {
  if (depth > CONFIG_DEPTH_MAX) {
    throw unusable(source.path, `files include each other more than ${CONFIG_DEPTH_MAX} deep`)
  }
  walkLines(parse(source), source, walk, isActive, depth)
}

function walkLines(
  lines: readonly Line[],
  source: ConfigSource,
  walk: Walk,
  isActive: boolean,
  depth: number,
): void {
  for (const line of lines) {
    if (line.type !== LineType.DIRECTIVE) continue
    const keyword = line.param.toLowerCase()
    const values = valuesOf(line.value)
    if ('config' in line) {
      const isMeant = keyword === 'host' ? isHostMeant(values, walk) : isMatch(values, walk)
      walkLines(line.config, source, walk, isActive && isMeant, depth)
    } else if (keyword === 'include') {
      const files = source.included.get(values.join(' ')) ?? []
      for (const file of files) walkSource(file, walk, isActive, depth + 1)
    } else if (isActive) {
      const known = walk.values.get(keyword) ?? []
      walk.values.set(keyword, [...known, values])
    }
  }
}

function parse({ path, text }: Pick<ConfigSource, 'path' | 'text'>): readonly Line[] {
  try {
    return parseConfig(text)
  } catch {
    // The parser's message repeats the line.
    throw unusable(path, 'a line has no value, or a quote that is not closed')
  }
}

const valuesOf = (value: string | readonly { val: string }[]): string[] =>
  typeof value === 'string' ? [value] : value.map(({ val }) => val)

const isHostMeant = (patterns: readonly string[], { subject }: Walk): boolean =>
  matchesPatterns(patterns, subject.alias)

/** Every criterion must hold; one that is not known, or would have to be looked up, does not. */
function isMatch(words: readonly string[], walk: Walk): boolean {
  const queue = [...words]
  while (queue.length > 0) {
    const criterion = (queue.shift() ?? '').toLowerCase()
    if (criterion === 'all') continue
    if (criterion === 'final') {
      walk.hasFinal = true
      if (!walk.isFinalPass) return false
      continue
    }
    const patterns = (queue.shift() ?? '').split(',')
    const compared = comparedWith(criterion, walk)
    if (compared === null || !matchesPatterns(patterns, compared)) return false
  }
  return true
}

function comparedWith(criterion: string, { subject, values }: Walk): string | null {
  switch (criterion) {
    case 'host':
      return (values.get('hostname')?.[0]?.[0] ?? subject.alias).replaceAll('%h', subject.alias)
    case 'originalhost':
      return subject.alias
    case 'user':
      return subject.user ?? values.get('user')?.[0]?.[0] ?? subject.localUser
    case 'localuser':
      return subject.localUser
    default:
      return null
  }
}

const unusable = (path: string, why: string): OperatorError =>
  new OperatorError('ssh-config', `${path}: ${why}`, {
    exit: 'badInput',
    hint: 'mend the file; "ssh -G <host>" tells where ssh itself stumbles',
  })
