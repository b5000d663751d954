import type {
  ArtifactChange,
  Change,
  Drift,
  FileChange,
  NodeChange,
  SettingsChange,
} from '../../ops/rollout/plan-changes.ts'
import type { Sign, VariableChange } from '../../ops/rollout/plan-variables.ts'
import { count, size } from './amount.ts'
import type { Paint } from './paint.ts'
import { onOneLine } from './printable.ts'
import { indented, table } from './table.ts'

/** How changes are shown. */
interface View {
  paint: Paint
  /** Nothing is cut short. */
  isFull: boolean
}

/** Shown of a text's lines, of a release's files, of a list's items; and characters of a value. */
const LINES_SHOWN = 12
const FILES_SHOWN = 6
const ITEMS_SHOWN = 6
const VALUE_CHARS_SHOWN = 120
/** Characters of two values that stand on one line. */
const PAIR_CHARS_MAX = 60

/** What a plan changes; what is the same on several nodes is told once. */
export const formatChanges = (changes: readonly Change[], view: View): string =>
  groupsOf(changes)
    .map(({ nodes, own }) =>
      [view.paint.strong(nodes.join(', ')), ...sectionsOf(own, view)].join('\n'),
    )
    .join('\n\n')

/** In a few words, for a node's line: `release, 3 variables, drift`. */
export function summaryOf(changes: readonly NodeChange[], paint: Paint): string {
  const { first, release, variable, file, settings, process, drift } = byKind(changes)
  return [
    ...first.map(() => 'first deployment'),
    ...process.map(({ from }) => states[from]),
    ...release.map(() => 'release'),
    ...(variable.length > 0 ? [count(variable.length, 'variable')] : []),
    ...(file.length > 0 ? [count(file.length, 'file')] : []),
    ...settings.map(() => 'settings'),
    ...(drift.length > 0 ? [paint.unsure('drift')] : []),
  ].join(', ')
}

const states = {
  stopped: 'it is stopped',
  failing: 'it keeps failing',
  unsupervised: 'it runs without its supervisor',
} as const

type OfKind<Kind extends NodeChange['kind']> = Extract<NodeChange, { kind: Kind }>

const byKind = (changes: readonly NodeChange[]) => {
  const of = <Kind extends NodeChange['kind']>(kind: Kind): OfKind<Kind>[] =>
    changes.filter((change): change is OfKind<Kind> => change.kind === kind)
  return {
    first: of('first'),
    brings: of('brings'),
    drift: of('drift'),
    release: of('release'),
    variable: of('variable'),
    file: of('file'),
    settings: of('settings'),
    process: of('process'),
  }
}

interface Group {
  nodes: readonly string[]
  own: readonly NodeChange[]
}

/** Changes by the nodes that have them, those of most nodes first. */
function groupsOf(changes: readonly Change[]): Group[] {
  const groups: Group[] = []
  for (const same of Map.groupBy(changes, withoutNode).values()) {
    const nodes = same.map(({ node }) => node)
    const group = groups.find((one) => one.nodes.join('\n') === nodes.join('\n'))
    const own = same.slice(0, 1)
    if (group === undefined) groups.push({ nodes, own })
    else group.own = [...group.own, ...own]
  }
  return groups.toSorted((a, b) => b.nodes.length - a.nodes.length)
}

const withoutNode = ({ node: _node, ...own }: Change): string => JSON.stringify(own)

function sectionsOf(changes: readonly NodeChange[], view: View): string[] {
  const { first, brings, drift, release, variable, file, settings, process } = byKind(changes)
  const { faint, unsure } = view.paint
  return [
    ...first.map((change) => section(faint('brings'), firstLines(change))),
    ...brings.map(({ what }) => section(faint('brings'), [what.map(onOneLine).join(', ')])),
    ...drift.map((change) => section(unsure('drift'), driftLines(change, view))),
    ...release.map((change) => section(faint('release'), releaseLines(change, view))),
    ...settings.map((change) => section(faint('settings'), settingsLines(change))),
    ...sectionIf(faint('settings'), variableLines(variable, view)),
    ...sectionIf(faint('files'), fileLines(file, view)),
    ...process.map((change) => section(faint('process'), processLines(change))),
  ]
}

const LABEL_CHARS = 'settings'.length

function section(label: string, lines: readonly string[]): string {
  const [first = '', ...more] = lines
  const head = table([[label, first], [' '.repeat(LABEL_CHARS)]], '  ').split('\n')[0] ?? ''
  return [head, ...more.map((line) => indented(line, ' '.repeat(LABEL_CHARS + 4)))].join('\n')
}

const sectionIf = (label: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [section(label, lines)]

const releaseName = ({ id, version }: { id: string; version: string }): string =>
  `${id} (${version})`

const firstLines = ({ release, files, bytes, brings }: OfKind<'first'>): string[] => [
  `release ${releaseName(release)}: ${count(files, 'file')}, ${size(bytes)}`,
  brings.map(onOneLine).join(', '),
]

const settingsLines = ({ from, to }: OfKind<'settings'>): string[] => [
  `${from.slice(0, 12)} → ${to.slice(0, 12)}; what they were is not known`,
]

const processLines = ({ from }: OfKind<'process'>): string[] => [`${states[from]} → running`]

function releaseLines({ from, to, files }: OfKind<'release'>, view: View): string[] {
  const head = `${releaseName(from)} → ${releaseName(to)}`
  if (files === null) return [head, 'which files differ is not known: a manifest is unreadable']
  return [head, ...folded(artifactRows(files, view), FILES_SHOWN, 'file', view)]
}

const artifactRows = (files: readonly ArtifactChange[], view: View): string[] =>
  rows(files.map((file) => [marked(file.change, onOneLine(file.path), view), sizesOf(file)]))

function sizesOf({ fromBytes, toBytes }: ArtifactChange): string {
  if (fromBytes === null || toBytes === null) return size(fromBytes ?? toBytes ?? 0)
  const [from, to] = [size(fromBytes), size(toBytes)]
  if (from !== to) return `${from} → ${to}`
  const more = toBytes - fromBytes
  return more === 0 ? `${to}, as before` : `${to}, ${more > 0 ? '+' : '-'}${size(Math.abs(more))}`
}

const outcomes = {
  replaced: 'edited by hand; kept as a generation, then replaced',
  adopted: 'edited by hand to what is wanted now; they stay',
  repaired: 'edited by hand; put back as they were',
  left: 'edited by hand; they stay with the old release',
  kept: 'changed by files that are not ours; they stay',
} as const

const subjects = { settings: 'settings', release: 'release files', units: 'units' } as const

function driftLines(drift: Drift, view: View): string[] {
  const head = `${subjects[drift.what]} ${outcomes[drift.outcome]}`
  if (drift.what === 'units') return [head, ...drift.files.map(onOneLine)]
  if (drift.what === 'release') {
    const files = drift.files.map(({ path, change }) => marked(change, onOneLine(path), view))
    return [head, ...folded(files, FILES_SHOWN, 'file', view)]
  }
  if (drift.changes === null) return [head, 'what they were is not known']
  const of = <Kind extends SettingsChange['kind']>(kind: Kind) =>
    drift.changes?.filter(
      (change): change is Extract<SettingsChange, { kind: Kind }> => change.kind === kind,
    ) ?? []
  return [head, ...variableLines(of('variable'), view), ...fileLines(of('file'), view)]
}

function variableLines(changes: readonly VariableChange[], view: View): string[] {
  const width = Math.max(0, ...changes.map(({ name }) => onOneLine(name).length))
  return changes.flatMap((change) => {
    const name = onOneLine(change.name)
    const [short, ...more] = valueLines(change, view)
    const head = marked(change.change, short === '' ? name : name.padEnd(width), view)
    return [`${head}  ${short}`.trimEnd(), ...more]
  })
}

/** What stands beside the name, and the lines below it. */
function valueLines({ change, isMasked, from, to, items }: VariableChange, view: View): string[] {
  const { paint } = view
  if (isMasked) return [paint.faint(change)]
  if (items !== null) {
    const all = [
      ...items.removed.map((item) => `    ${paint.removed(`- ${shown(item, view)}`)}`),
      ...items.added.map((item) => `    ${paint.added(`+ ${shown(item, view)}`)}`),
    ]
    return all.length === 0
      ? [paint.faint('the same in another order')]
      : ['', ...folded(all, ITEMS_SHOWN, 'item', view, '    ')]
  }
  const values = [from, to].flatMap((value) => (value === null ? [] : [shown(value, view)]))
  if (values.join('').length <= PAIR_CHARS_MAX) return [values.join(' → ')]
  return [
    '',
    ...(from === null ? [] : [`    ${paint.removed(`- ${shown(from, view)}`)}`]),
    ...(to === null ? [] : [`    ${paint.added(`+ ${shown(to, view)}`)}`]),
  ]
}

/** A value as it stands; in quotes where one could not see where it begins and ends. */
function shown(value: string, { isFull }: View): string {
  const text = onOneLine(value)
  const told = isFull ? text : shortened(text.replaceAll(PEER_ID, '$1…$2'))
  return /^$|^\s|\s$/.test(told) ? `"${told}"` : told
}

/** Peer ids are long, and their ends tell them apart. */
const PEER_ID = /\b(12D3KooW)[1-9A-HJ-NP-Za-km-z]{36}([1-9A-HJ-NP-Za-km-z]{8})\b/g

function shortened(text: string): string {
  const chars = Array.from(text)
  const more = chars.length - VALUE_CHARS_SHOWN
  if (more <= 0) return text
  return `${chars.slice(0, VALUE_CHARS_SHOWN).join('')}… ${count(more, 'more character')}`
}

function fileLines(files: readonly FileChange[], view: View): string[] {
  const heads = rows(
    files.map((file) => [
      marked(file.change, onOneLine(file.path), view),
      view.paint.faint(aboutFile(file)),
    ]),
  )
  return files.flatMap((file, index) => [heads[index] ?? '', ...diffLines(file, view)])
}

function aboutFile({ change, what, mode, hunks, follows }: FileChange): string {
  const modes = mode === null ? [] : [`mode ${octal(mode.from)} → ${octal(mode.to)}`]
  if (what === 'mode') return modes.join('')
  const about = (): string => {
    if (what === 'secret') return change
    if (what === 'comments') return 'comments only'
    if (follows !== null) return `follows ${follows}`
    if (hunks === null) return 'rewritten'
    const lines = hunks.flatMap((hunk) => hunk.lines)
    const of = (sign: string): number => lines.filter((line) => line.startsWith(sign)).length
    return [...(of('+') > 0 ? [`+${of('+')}`] : []), ...(of('-') > 0 ? [`-${of('-')}`] : [])].join(
      ' ',
    )
  }
  return [about(), ...modes].join(', ')
}

const octal = (mode: number): string => mode.toString(8).padStart(3, '0')

/** The lines of a file that differ. What a list's variable has told already is not told again. */
function diffLines({ hunks, follows, change }: FileChange, view: View): string[] {
  const isTold = follows !== null || change === 'removed'
  if (hunks === null || (isTold && !view.isFull)) return []
  const { faint, added, removed } = view.paint
  const lines = hunks.flatMap((hunk, index) => [
    ...(index > 0 ? [faint('    ⋮')] : []),
    ...hunk.lines.map((line) => {
      const text =
        `    ${line.slice(0, 1)} ${onOneLine(line.slice(1).replaceAll('\t', '    '))}`.trimEnd()
      if (line.startsWith('+')) return added(text)
      return line.startsWith('-') ? removed(text) : faint(text)
    }),
  ])
  return folded(lines, LINES_SHOWN, 'line', view, '    ')
}

const signs = { added: '+', removed: '-', changed: '~' } as const

const marked = (sign: Sign, text: string, { paint }: View): string =>
  `${paint[sign](signs[sign])} ${text}`

const rows = (cells: readonly (readonly string[])[]): string[] =>
  cells.length === 0 ? [] : table(cells).split('\n')

/** The first of `lines`, and how many are left out. One more is shown rather than told of. */
function folded(
  lines: readonly string[],
  most: number,
  noun: string,
  { paint, isFull }: View,
  indent = '',
): string[] {
  const more = lines.length - most
  if (isFull || more <= 1) return [...lines]
  return [...lines.slice(0, most), paint.faint(`${indent}… ${count(more, `more ${noun}`)}`)]
}
