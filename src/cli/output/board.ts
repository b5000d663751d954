import { duration } from './amount.ts'
import type { Paint } from './paint.ts'

/** Work that can say what it is at. */
export type Task<T> = (note: (text: string) => void) => Promise<T>

/** What work is called while it goes on and once it is over. What it came to, its outcome says. */
export interface Title {
  doing: string
  done: string
}

/** Ends work that went through, whatever it came to: a verdict's mark would be read as PASS. */
export const OVER = '·'

export interface Row {
  id: string
  title: string
  /** What is shown behind the title unless the row fails. */
  detail: string
}

/** Rows that are done one after the other. An id that it does not know is left alone. */
export interface Board {
  done(id: string, tookMs: number): void
  failed(id: string, reason: string): void
  /** Over, and not all of it was seen. */
  unproven(id: string, reason: string): void
  /** Rows that are neither done nor failed were not reached. */
  close(): Promise<void>
}

/** A board where lines cannot be written over: each row is a line once it is over. */
export function plainBoard(paint: Paint, say: (text: string) => void, rows: readonly Row[]): Board {
  const open = new Map(rows.map((row) => [row.id, row]))
  const settle = (id: string, line: (row: Row) => string): void => {
    const row = open.get(id)
    if (row !== undefined && open.delete(id)) say(line(row))
  }
  return {
    done: (id, tookMs) =>
      settle(
        id,
        (row) => `${paint.good('✔')} ${wholeTitle(row)} ${paint.faint(`(${duration(tookMs)})`)}`,
      ),
    failed: (id, reason) => settle(id, ({ title }) => `${paint.bad('✘')} ${title}: ${reason}`),
    unproven: (id, reason) => settle(id, ({ title }) => `${paint.unsure('?')} ${title}: ${reason}`),
    close: async () => {
      for (const id of open.keys()) {
        settle(id, ({ title }) => paint.faint(`- ${title}: not reached`))
      }
    },
  }
}

export const wholeTitle = ({ title, detail }: Row): string =>
  detail === '' ? title : `${title}: ${detail}`
