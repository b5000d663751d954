import type { Frontier } from '../../wire/frontier.ts'
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

/** What nodes that `run` switched, or may have, held before that, by the journal. */
export function holdingsBefore(records: readonly JournalRecord[], run: BeginRecord): Holdings {
  const held = new Map<string, Frontier>()
  const silent = new Map<string, string>()
  for (const record of records) {
    if (record.type !== 'step' || record.run !== run.run || record.held === undefined) continue
    const { node } = record
    if (record.held === null) silent.set(node, 'it did not tell before that run, either')
    else held.set(node, new Map(Object.entries(record.held)))
  }
  return { held, silent }
}

/** What no gate has seen of nodes since they were switched last, by the journal: by name, each a sentence. */
export function unprovenIn(records: readonly JournalRecord[]): ReadonlyMap<string, string> {
  const unproven = new Map<string, string>()
  for (const record of records) {
    if (record.type !== 'step' || record.state !== 'done') continue
    if (record.action !== 'gate' && record.action !== 'regate') continue
    unproven.delete(record.node)
    if (record.unproven !== undefined) unproven.set(record.node, record.unproven)
  }
  return unproven
}

export const unheldOf = (name: string, reason: string): string =>
  `${name} did not tell what it held before it was switched (${reason}): that it still holds all of it was not seen`

export const leftOutOf = (name: string, reason: string): string =>
  `${name} is up and does not tell what it holds (${reason}): the others were proven without it`
