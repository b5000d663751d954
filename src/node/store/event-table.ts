import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { LatticeEvent } from '../../wire/api.ts'
import type { EventDraft } from '../replica/contract.ts'

/** Events that are kept. */
const EVENTS_MAX = 10_000

/** What happened to this node, newest kept. */
export class EventTable {
  readonly #insert: StatementSync
  readonly #prune: StatementSync
  readonly #select: StatementSync
  readonly #selectNewest: StatementSync

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      'INSERT INTO event (kind, message, data, at_ms) VALUES (?, ?, ?, ?)',
    )
    this.#prune = database.prepare(
      'DELETE FROM event WHERE seq <= (SELECT max(seq) FROM event) - ?',
    )
    this.#select = database.prepare(
      'SELECT seq, kind, message, data, at_ms FROM event WHERE seq > ? ORDER BY seq LIMIT ?',
    )
    this.#selectNewest = database.prepare(
      'SELECT seq, kind, message, data, at_ms FROM event ORDER BY seq DESC LIMIT ?',
    )
  }

  append(events: readonly EventDraft[], wallMs: number): void {
    for (const { kind, message, data } of events)
      this.#insert.run(kind, message, JSON.stringify(data), wallMs)
    if (events.length > 0) this.#prune.run(EVENTS_MAX)
  }

  /** Events after `sinceSeq`, oldest first; ages are counted from `wallMs`. */
  since(sinceSeq: number, limit: number, wallMs: number): LatticeEvent[] {
    return this.#select.all(sinceSeq, limit).map((row) => eventOf(row, wallMs))
  }

  /** The newest events, the oldest of them first. */
  newest(limit: number, wallMs: number): LatticeEvent[] {
    return this.#selectNewest
      .all(limit)
      .map((row) => eventOf(row, wallMs))
      .toReversed()
  }
}

const eventOf = (row: Record<string, SQLOutputValue>, wallMs: number): LatticeEvent => ({
  seq: Number(row['seq']),
  kind: row['kind'] as LatticeEvent['kind'],
  message: String(row['message']),
  data: JSON.parse(String(row['data'])) as LatticeEvent['data'],
  age_ms: Math.max(0, wallMs - Number(row['at_ms'])),
  at: new Date(Number(row['at_ms'])).toISOString(),
})
