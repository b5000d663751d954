import { parseEnv } from 'node:util'
import { variables } from '../../wire/settings.ts'
import type { Contents } from '../targets/target.ts'

/** The variables that a node was given in its `.env`; null when its settings do not tell. */
export function environmentIn(contents: Contents | null): Record<string, string> | null {
  const text = contents?.settings.find((file) => file.path === '.env')?.text ?? null
  if (text === null) return null
  const entries = Object.entries(parseEnv(text)).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Record<string, string>
}

/** The URL that a node was given as its own; null when its settings do not tell. */
export function urlIn(contents: Contents | null, name: string): string | null {
  const members = environmentIn(contents)?.[variables.members.name] ?? ''
  try {
    return variables.members.read(members).find((member) => member.name === name)?.url ?? null
  } catch {
    return null
  }
}
