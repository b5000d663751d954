import * as z from 'zod'
import type { Finding } from './document.ts'
import { inventorySchema, nodeSchema } from './schema.ts'
import { nearest, suggestion } from './spelling.ts'

/**
 * What the schema finds wrong with the data of nodes.yaml, in the words of an operator. A node whose
 * kind is missing or misspelt is checked as the kind that it looks like, so that nothing waits for
 * the next run.
 */
export function schemaFindings(data: unknown): Finding[] {
  const { error } = inventorySchema.safeParse(data)
  return (error?.issues ?? []).flatMap((issue) => [
    ...findingsOf(issue, data),
    ...(issue.code === 'invalid_union' ? findingsOfKindless(data, issue.path.slice(0, -1)) : []),
  ])
}

function findingsOfKindless(data: unknown, at: Path): Finding[] {
  const node = valueAt(data, at)
  if (node === null || typeof node !== 'object') return []
  const kind =
    nearest(String(valueAt(node, ['kind'])), kinds) ?? ('space' in node ? 'space' : 'server')
  const { error } = nodeSchema.safeParse({ ...node, kind })
  return (error?.issues ?? []).flatMap((issue) =>
    findingsOf({ ...issue, path: [...at, ...issue.path] }, data, kind),
  )
}

const kinds = ['space', 'server']

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

function findingsOf(issue: Issue, data: unknown, kind?: string): Finding[] {
  const at: Path = issue.path
  const given = valueAt(data, at)
  const { known, about } = schemaAt(at, data, kind)
  const key = at.findLast((step) => typeof step === 'string') ?? 'nodes.yaml'
  const value = (message: string, hint = about): Finding[] => [{ at, on: 'value', message, hint }]
  const wrongType = (expected: string, hint = about): Finding[] =>
    given === undefined
      ? [{ at, on: 'key', message: `${key} is missing`, hint }]
      : value(
          `${key}: expected ${expected}, found ${describe(given)}`,
          unquoted(expected, given) ?? hint,
        )

  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((unknown) => ({
        at: [...at, unknown],
        on: 'key',
        message: `unknown key ${JSON.stringify(unknown)}`,
        hint: suggestion(unknown, known),
      }))
    case 'invalid_type':
      return wrongType(typeNames[issue.expected] ?? issue.expected)
    case 'invalid_union':
      return choice(kinds, 'write kind: space, or kind: server')
    case 'invalid_value':
      return choice(issue.values.map(String))
    case 'too_small':
    case 'too_big': {
      const [than, bound] =
        issue.code === 'too_small' ? ['less', issue.minimum] : ['more', issue.maximum]
      const size = Array.isArray(given) ? `${given.length} entries` : String(given)
      return value(`${key}: ${size}, ${than} than ${bound}`)
    }
    case 'invalid_key':
      return [
        {
          at,
          on: 'key',
          message: `${JSON.stringify(key)} cannot name an account`,
          hint: issue.issues[0]?.message ?? about,
        },
      ]
    default:
      return value(`${key}: ${issue.message}`)
  }

  function choice(choices: readonly string[], hint = about): Finding[] {
    const either = choices.join(', ').replace(/, ([^,]+)$/, ' or $1')
    if (typeof given !== 'string') return wrongType(either, hint)
    return value(`${key}: not ${either}`, suggestion(given, choices))
  }
}

const typeNames: Record<string, string> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a whole number',
  object: 'keys and values',
  record: 'keys and values',
  string: 'text',
}

/** What was found, never the thing itself: it may be a secret in the wrong place. */
function describe(given: unknown): string {
  if (given === null) return 'nothing'
  if (Array.isArray(given)) return 'a list'
  if (typeof given === 'object') return 'keys and values'
  if (typeof given === 'string') return 'text'
  if (typeof given === 'boolean') return 'true or false'
  return Number.isInteger(given) ? 'a number' : 'a fraction'
}

/** The hint for text that only its quotes, or a habit of YAML 1.1, keep from being right. */
function unquoted(expected: string, given: unknown): string | undefined {
  if (typeof given !== 'string') return undefined
  if (expected === 'a whole number' && /^[0-9_,']{1,20}$/.test(given)) {
    return `write ${given.replaceAll(/[^0-9]/g, '')}, digits alone, without quotes`
  }
  if (expected !== 'true or false') return undefined
  if (/^(?:true|yes|on)$/i.test(given)) return 'write true, without quotes'
  return /^(?:false|no|off)$/i.test(given) ? 'write false, without quotes' : undefined
}

const valueAt = (data: unknown, at: Path): unknown =>
  at.reduce<unknown>(
    (value, step) =>
      value !== null && typeof value === 'object' && Object.hasOwn(value, step)
        ? (value as Record<PropertyKey, unknown>)[step]
        : undefined,
    data,
  )

/** The keys that a place may have, and what is said about the place or the nearest one around it. */
function schemaAt(at: Path, data: unknown, assumed?: string): { known: string[]; about: string } {
  let schema: z.core.$ZodType | undefined = inventorySchema
  let about = ''
  const enter = (given: unknown): void => {
    for (;;) {
      about =
        (schema === undefined ? undefined : z.globalRegistry.get(schema)?.description) ?? about
      if (
        schema instanceof z.ZodOptional ||
        schema instanceof z.ZodDefault ||
        schema instanceof z.ZodPrefault
      ) {
        schema = schema.unwrap()
      } else if (schema instanceof z.ZodPipe) {
        schema = schema.in
      } else if (schema instanceof z.ZodDiscriminatedUnion) {
        const kind = assumed ?? valueAt(given, ['kind'])
        schema = schema.options.find(
          (one) => one instanceof z.ZodObject && literalIn(one.shape['kind']) === kind,
        )
      } else return
    }
  }
  enter(data)
  for (const [index, step] of at.entries()) {
    if (schema instanceof z.ZodObject) schema = schema.shape[String(step)]
    else if (schema instanceof z.ZodArray) schema = schema.element
    else if (schema instanceof z.ZodRecord) schema = schema.valueType
    else schema = undefined
    enter(valueAt(data, at.slice(0, index + 1)))
  }
  return { known: schema instanceof z.ZodObject ? Object.keys(schema.shape) : [], about }
}

const literalIn = (schema: unknown): unknown =>
  schema instanceof z.ZodLiteral ? schema.value : undefined
