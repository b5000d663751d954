import { REMEMBERED_MAX } from './limits.ts'

/**
 * What `make` gives, which is the same for the same text: made once, and kept; null is not. All of it is
 * forgotten when it gets too much. What is given is shared, so nobody may change it.
 */
export function remembered<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const made = make(text)
    if (made === null) return made
    if (known.size >= REMEMBERED_MAX) known.clear()
    known.set(text, made)
    return made
  }
}
