import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Between two looks at a process that is ending. */
const POLL_MS = 20

/** A process that no other one can be taken for: its id is used again one day, with another start. */
export interface ProcessRef {
  pid: number
  start: string
}

/** The running process `pid`; null when there is none, or only a zombie. */
export function processOf(pid: number): ProcessRef | null {
  const start = process.platform === 'linux' ? linuxStart(pid) : psStart(pid)
  return start === null ? null : { pid, start }
}

export const isAlive = (ref: ProcessRef): boolean => processOf(ref.pid)?.start === ref.start

/** Sends a signal to that very process. False when it is gone. */
export function signalProcess(ref: ProcessRef, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  if (!isAlive(ref)) return false
  try {
    return process.kill(ref.pid, signal)
  } catch {
    return false
  }
}

/** Whether the process was gone within `limitMs`. */
export async function isGoneWithin(
  ref: ProcessRef,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + limitMs
  while (isAlive(ref)) {
    if (performance.now() > until) return false
    await delay(POLL_MS, undefined, { signal })
  }
  return true
}

/** Clock ticks since boot, field 22 of proc(5); the name in field 2 may hold anything, `)` included. */
function linuxStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state] = fields
    return state === 'Z' || state === 'X' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}

function psStart(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '')
  } catch {
    return null
  }
}
