import { structuredPatch } from 'diff'
import { isShown } from './plan-variables.ts'

/** A part of a text that differs, with a little of what is around it. */
export interface Hunk {
  /** Number of its first line, before and after; the first of a text is 1. */
  fromLine: number
  toLine: number
  /** Each behind ` ` (as it was), `-` or `+`. */
  lines: readonly string[]
}

/** Lines shown around a difference. */
const CONTEXT_LINES = 2
/** Added and removed lines that are looked for; texts that differ more count as rewritten. */
const EDITS_MAX = 500

/** How two texts differ, what must not be shown taken out; null: too much to be told. */
export function textHunks(from: string, to: string): Hunk[] | null {
  const patch = structuredPatch('', '', from, to, undefined, undefined, {
    context: CONTEXT_LINES,
    maxEditLength: EDITS_MAX,
  })
  if (patch === undefined) return null
  return patch.hunks.map(({ oldStart, newStart, lines }) => ({
    fromLine: oldStart,
    toLine: newStart,
    // Of a last line without its end.
    lines: lines.filter((line) => !line.startsWith('\\')).map(concealed),
  }))
}

const HIDDEN = '(not shown)'

/** A unit may set variables, and whoever edits one by hand may write a key anywhere in it. */
function concealed(line: string): string {
  const assignments = line.matchAll(/(?<![A-Za-z0-9_])([A-Z][A-Z0-9_]{2,})\s*=/gu)
  const hidden = [...assignments].find(([, name = '']) => !isShown(name))
  const end = hidden === undefined ? line.length : hidden.index + hidden[0].length
  const shown = line.slice(0, end).replaceAll(/[0-9a-f]{64,}/giu, HIDDEN)
  return hidden === undefined ? shown : shown + HIDDEN
}
