import { parseEnv } from 'node:util'
import { variables, type Variable } from '../../wire/settings.ts'

export type Sign = 'added' | 'removed' | 'changed'

/** One variable of an `.env` that differs. Text that is not shown is in no field of it. */
export interface VariableChange {
  name: string
  change: Sign
  /** Its value is not shown: a secret, hashes of some, or a variable that no node reads. */
  isMasked: boolean
  /** Null where it is not set, and where it is masked. */
  from: string | null
  to: string | null
  /** Of a list; null for others and for masked ones. Both empty: the same items in another order. */
  items: { added: readonly string[]; removed: readonly string[] } | null
}

const known = new Map<string, Variable<unknown>>(
  Object.values<Variable<unknown>>(variables).map((variable) => [variable.name, variable]),
)

/** Whether people may see the value of a variable. What is not known to be harmless is not shown. */
export function isShown(name: string): boolean {
  const variable = known.get(name)
  return variable !== undefined && variable.secret !== true && variable.masked !== true
}

/** What differs between the variables of two `.env` files as a node reads them, by name. */
export function variableChanges(from: string, to: string): VariableChange[] {
  const [old, next] = [readEnv(from), readEnv(to)]
  const names = [...new Set([...old.keys(), ...next.keys()])].toSorted()
  return names.flatMap((name) => {
    const [was, becomes] = [old.get(name) ?? null, next.get(name) ?? null]
    return was === becomes ? [] : [changeOf(name, was, becomes)]
  })
}

/** Entries of the object itself: no name of a variable leads to its prototype. */
const readEnv = (text: string): Map<string, string> =>
  new Map(Object.entries(parseEnv(text) as Record<string, string>))

function changeOf(name: string, from: string | null, to: string | null): VariableChange {
  const change = from === null ? 'added' : to === null ? 'removed' : 'changed'
  if (!isShown(name)) return { name, change, isMasked: true, from: null, to: null, items: null }
  const isList = known.get(name)?.list === true
  const items = isList ? itemChanges(itemsOf(from), itemsOf(to)) : null
  return { name, change, isMasked: false, from, to, items }
}

const itemsOf = (list: string | null): string[] =>
  (list ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

const itemChanges = (from: readonly string[], to: readonly string[]) => ({
  added: without(to, from),
  removed: without(from, to),
})

/** `items` less one for each equal one of `others`. */
function without(items: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>()
  for (const item of others) left.set(item, (left.get(item) ?? 0) + 1)
  return items.filter((item) => {
    const count = left.get(item) ?? 0
    if (count > 0) left.set(item, count - 1)
    return count === 0
  })
}
