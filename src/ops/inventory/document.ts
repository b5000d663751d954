import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
  type Document,
  type Node,
} from 'yaml'
import { ALIASED_VALUES_MAX, PROBLEMS_MAX } from './limits.ts'
import { printable, shownLine, type Problem } from './problems.ts'

/** Something wrong at a place in the data: with a key, or with what it holds. */
export interface Finding {
  at: readonly PropertyKey[]
  on: 'key' | 'value'
  message: string
  hint: string
}

/** YAML as data, with the way back from data to the text. */
export interface YamlSource {
  /** Undefined when the text yields none; `problems` says why. */
  value: unknown
  /** What is wrong with the text itself, in the order of the file. */
  problems: readonly Problem[]
  problemOf(finding: Finding): Problem
}

/** Reads one YAML document. Never throws. */
export function readYaml(text: string): YamlSource {
  const document = parseDocument(text, {
    keepSourceTokens: false,
    logLevel: 'error',
    merge: false,
    prettyErrors: false,
    schema: 'core',
    stringKeys: true,
    uniqueKeys: true,
  })
  const problemAt = placeIn(text)
  const say: Say = (range, message, hint) => problemAt(range, '', message, hint)
  const problemOf = ({ at, on, message, hint }: Finding): Problem =>
    problemAt(rangeOf(document, at, on), printable(formatPath(at)), message, hint)

  const broken = syntaxProblems(document, text, say)
  if (broken.length > 0) return { value: undefined, problems: broken, problemOf }
  const problems = contentProblems(document, say)
  try {
    const value: unknown = document.toJS({ maxAliasCount: ALIASED_VALUES_MAX })
    return { value, problems, problemOf }
  } catch {
    // An alias of nothing is among the problems already; otherwise there are too many.
    const bound = say([0, 0], 'aliases stand for too many values', 'write the values out')
    return { value: undefined, problems: problems.length > 0 ? problems : [bound], problemOf }
  }
}

type Range = readonly [start: number, end: number]
type Say = (range: Range, message: string, hint: string) => Problem

/** Makes problems of offsets in `text`. */
function placeIn(text: string) {
  const starts = [0, ...text.matchAll(/\n/g).map((match) => match.index + 1)]
  const shown = new Map<number, string>()
  return ([start, end]: Range, path: string, message: string, hint: string): Problem => {
    const line = Math.max(1, starts.findLastIndex((one) => one <= start) + 1)
    const from = starts[line - 1] ?? 0
    const whole = text.slice(from, (starts[line] ?? text.length + 1) - 1).replace(/\r$/, '')
    const safe = shown.get(line) ?? shownLine(whole)
    shown.set(line, safe)
    const width = Math.max(1, Math.min(end, from + whole.trimEnd().length) - start)
    const column = start - from + 1
    return { line, column, width, path, text: safe, message: printable(message), hint }
  }
}

const syntaxHints: Record<string, string> = {
  BAD_INDENT: 'align the line with its neighbours, or close the bracket or quote before it',
  BAD_SCALAR_START: 'put the value in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'one "key: value" a line; put a value that holds ": " in quotes',
  DUPLICATE_KEY: 'keep one of the two',
  MISSING_CHAR: 'check quotes, brackets and indentation here',
  MULTIPLE_DOCS: 'one file holds one lattice; remove the line ---',
  NON_STRING_KEY: 'a key is plain text',
  RESOURCE_EXHAUSTION: 'a few levels are enough',
  TAB_AS_INDENT: 'indent with spaces',
  TAG_RESOLVE_FAILED: 'remove it; a value in quotes is text',
}

const syntaxMessages: Record<string, string> = {
  MULTIPLE_DOCS: 'a second document',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAG_RESOLVE_FAILED: 'a tag',
}

/** Up to the first that breaks the structure: those behind it only follow from it. */
function syntaxProblems(document: Document.Parsed, text: string, say: Say): Problem[] {
  const errors = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])
  const isHarmless = (code: string): boolean =>
    code === 'DUPLICATE_KEY' || code === 'TAG_RESOLVE_FAILED'
  const breach = errors.findIndex(({ code }) => !isHarmless(code))
  const told = breach === -1 ? errors : errors.slice(0, breach + 1)
  return told.slice(0, PROBLEMS_MAX).map(({ code, pos, message }) => {
    const hint = syntaxHints[code] ?? 'see the YAML around this place'
    if (code === 'DUPLICATE_KEY') {
      const [key = ''] = /^[^\s:]+/.exec(text.slice(pos[0])) ?? []
      return say([pos[0], pos[0] + key.length], `key ${JSON.stringify(key)} stands twice`, hint)
    }
    if (code === 'MISSING_CHAR' && message.endsWith('quote')) {
      return say(
        openQuote(document, pos),
        'a quote that is not closed',
        'close it on the same line',
      )
    }
    return say(pos, syntaxMessages[code] ?? message, hint)
  })
}

/** Where the quoted text begins that runs to `end`. */
function openQuote(document: Document.Parsed, end: Range): Range {
  let start = end
  visit(document, {
    Scalar: (_key, node) => {
      const [from, to] = spanOf(node)
      if (node.type?.startsWith('QUOTE') === true && from < end[0] && to >= end[0])
        start = [from, to]
    },
  })
  return start
}

const CONTROL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** What YAML allows and nodes.yaml must not hold. */
function contentProblems(document: Document.Parsed, say: Say): Problem[] {
  const problems: Problem[] = []
  const refuse = (node: Node, message: string, hint: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(say(spanOf(node), message, hint))
  }
  visit(document, {
    Node: (key, node) => {
      if (isAlias(node)) {
        if (node.resolve(document) !== undefined) return
        return refuse(node, `no anchor "${node.source}"`, `set it before, with &${node.source}`)
      }
      if (node.tag !== undefined)
        return refuse(node, 'a tag', 'remove it; a value in quotes is text')
      if (!isScalar(node) || typeof node.value !== 'string') return
      if (CONTROL.test(node.value)) {
        const held = node.value.includes('\n') ? 'a line end' : 'a control character'
        refuse(
          node,
          `${key === 'key' ? 'a key' : 'a value'} that holds ${held}`,
          'use plain characters, on one line',
        )
      } else if (key === 'key' && node.value === '__proto__') {
        refuse(node, 'a key that cannot be used', 'choose another name')
      }
    },
  })
  return problems
}

const spanOf = (node: Node): Range => [node.range?.[0] ?? 0, node.range?.[1] ?? 0]

/** Where a place in the data stands. A value that is missing is looked for where it should be. */
function rangeOf(document: Document.Parsed, at: readonly PropertyKey[], on: Finding['on']): Range {
  let node: unknown = document.contents
  let keyRange: Range | undefined
  const here = (): Range => {
    const first: unknown = isMap(node) ? node.items[0]?.key : undefined
    return keyRange ?? (isScalar(first) ? spanOf(first) : isNode(node) ? spanOf(node) : [0, 0])
  }
  for (const step of at) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step)
      if (pair === undefined || !isScalar(pair.key)) return here()
      keyRange = spanOf(pair.key)
      node = pair.value
    } else if (isSeq(node) && node.items[Number(step)] !== undefined) {
      keyRange = undefined
      node = node.items[Number(step)]
    } else return here()
  }
  if (on === 'key') return here()
  const isEmpty = isScalar(node) && node.range?.[0] === node.range?.[1]
  return isEmpty || !isNode(node) || isMap(node) ? here() : spanOf(node)
}

const isNode = (node: unknown): node is Node =>
  isAlias(node) || isMap(node) || isScalar(node) || isSeq(node)

/** `nodes[1].ssh.port` */
const formatPath = (at: readonly PropertyKey[]): string =>
  at.reduce<string>(
    (path, step) =>
      typeof step === 'number'
        ? `${path}[${step}]`
        : `${path}${path === '' ? '' : '.'}${String(step)}`,
    '',
  )
