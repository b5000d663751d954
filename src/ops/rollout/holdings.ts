import { EMPTY_FRONTIER, sizeAt, type Frontier } from '../../wire/frontier.ts'
import type { BeginRecord, JournalRecord, StepRecord } from './journal-record.ts'

/** What nodes held before any of them was switched. One that was stopped is in neither. */
export interface Holdings {
  held: ReadonlyMap<string, Frontier>
  /** Why a node that was up did not tell. */
  silent: ReadonlyMap<string, string>
}

export const NOTHING_HELD: Holdings = { held: new Map(), silent: new Map() }

/** What is written down of `name` before it is switched; undefined: nothing. */
export function heldIn({ held, silent }: Holdings, name: string): StepRecord['held'] {
  if (silent.has(name)) return null
  const frontier = held.get(name)
  return frontier && Object.fromEntries(frontier)
}

/**
 * What nodes that `run` switched, or may have, held before that, by the journal; and what they have told
 * `now`, after it, which their return must not lose either.
 */
export function holdingsBefore(
  records: readonly JournalRecord[],
  run: BeginRecord,
  now: Holdings,
): Holdings {
  const held = new Map<string, Frontier>()
  const silent = new Map<string, string>()
  for (const { name, previous } of run.nodes) {
    const switched = records.find(
      (record) => record.type === 'step' && record.run === run.run && isSwitchOf(record, name),
    )
    if (switched?.type !== 'step') continue
    const before = switched.held
    if (before === null) silent.set(name, 'it did not tell before that run, either')
    else if (before !== undefined)
      held.set(name, union(new Map(Object.entries(before)), now.held.get(name)))
    else if (previous.state === 'running') silent.set(name, 'the journal does not say')
  }
  return { held, silent }
}

const isSwitchOf = ({ node, action }: StepRecord, name: string): boolean =>
  node === name && (action === 'activate' || action === 'start')

/** All that either holds. */
function union(one: Frontier, other: Frontier = EMPTY_FRONTIER): Frontier {
  const sizes = new Map(one)
  for (const [author, size] of other) sizes.set(author, Math.max(size, sizeAt(one, author)))
  return sizes
}

/**
 * What no gate has seen of nodes since they were switched last, by the journal: by name, each a sentence.
 * Only a gate that held a node to what it had told ends that.
 */
export function unprovenIn(records: readonly JournalRecord[]): ReadonlyMap<string, string> {
  let unproven = new Map<string, string>()
  let told = new Set<string>()
  for (const record of records) {
    if (record.type === 'begin') {
      // Of what was cut off before it, or is on another host's journal.
      if (record.unproven !== undefined) unproven = new Map(Object.entries(record.unproven))
      told = new Set()
    }
    if (record.type !== 'step') continue
    const { node, action, state } = record
    if (isSwitchOf(record, node) && (record.held ?? null) !== null) told.add(node)
    if (action === 'regate' && state === 'failed')
      unproven.set(node, `${node} was brought back and not proven: ${record.reason ?? ''}`)
    if ((action !== 'gate' && action !== 'regate') || state !== 'done') continue
    if (record.unproven !== undefined) unproven.set(node, record.unproven)
    else if (told.has(node)) unproven.delete(node)
  }
  return unproven
}

/** Of these nodes, each a sentence. */
export function unprovenOf(
  nodes: readonly { name: string }[],
  records: readonly JournalRecord[],
): string[] {
  const known = unprovenIn(records)
  return nodes.flatMap(({ name }) => known.get(name) ?? [])
}

export const unheldOf = (name: string, reason: string): string =>
  `${name} did not tell what it held before it was switched (${reason}): that it still holds all of it was not seen`

export const leftOutOf = (name: string, reason: string): string =>
  `${name} does not tell what it holds (${reason}): the others were proven without it`
