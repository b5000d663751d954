/**
 * Patterns of host names as OpenSSH has them in known_hosts and ssh_config: `*`, `?`, and `!` before a
 * pattern that must not match. Letters' case does not matter.
 */

/** Whether `name` matches one of `patterns` and none of the negated ones. */
export function matchesPatterns(patterns: readonly string[], name: string): boolean {
  const isHit = (pattern: string): boolean => matchesPattern(pattern, name)
  const isNegated = (pattern: string): boolean => pattern.startsWith('!')
  if (patterns.some((pattern) => isNegated(pattern) && isHit(pattern.slice(1)))) return false
  return patterns.some((pattern) => !isNegated(pattern) && isHit(pattern))
}

/** Looks at each character of `name` at most once a star, so that no pattern can hold it up. */
function matchesPattern(given: string, givenName: string): boolean {
  const pattern = given.toLowerCase()
  const name = givenName.toLowerCase()
  let at = 0
  let inName = 0
  // Where to come back to when what follows the last star did not fit.
  let star = -1
  let starInName = 0
  while (inName < name.length) {
    if (pattern[at] === '*') {
      star = at
      starInName = inName
      at += 1
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[inName])) {
      at += 1
      inName += 1
    } else if (star >= 0) {
      starInName += 1
      inName = starInName
      at = star + 1
    } else {
      return false
    }
  }
  return /^\**$/.test(pattern.slice(at))
}
