import type { Paint } from './paint.ts'

interface Parsed {
  /** ISO 8601. */
  time: string
  level: number
  msg: string
  rest: Record<string, unknown>
}

/** Levels from which pino's lines are warnings, and errors. */
const WARN = 40
const ERROR = 50

/** A line of a node's log for people: time of day, message, then what goes with it. */
export function formatLogLine(line: string, paint: Paint, name = ''): string {
  const parsed = parse(line)
  const who = name === '' ? '' : ` ${paint.strong(name)} `
  if (parsed === null) return `${' '.repeat(12)}${who} ${line}`
  const { time, level, msg, rest } = parsed
  const said = level >= ERROR ? paint.bad(msg) : level >= WARN ? paint.unsure(msg) : msg
  const details = Object.entries(rest)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
  return `${paint.faint(time.slice(11, 23))}${who} ${said}${details === '' ? '' : ` ${paint.faint(details)}`}`
}

/** When a line was written, ISO 8601; empty when it does not say. */
export const timeOf = (line: string): string => parse(line)?.time ?? ''

function parse(line: string): Parsed | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { time, level, msg, node: _node, name: _name, ...rest } = value as Record<string, unknown>
  const iso = isoOf(time)
  if (iso === null || typeof level !== 'number' || typeof msg !== 'string') return null
  return { time: iso, level, msg, rest }
}

/** Nodes write ISO 8601, their supervisors milliseconds since the epoch. */
function isoOf(time: unknown): string | null {
  if (typeof time === 'string') return time
  if (typeof time !== 'number' || Math.abs(time) > 8.64e15) return null
  return new Date(time).toISOString()
}
