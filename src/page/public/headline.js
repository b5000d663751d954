/**
 * What the page may claim, given the last answer and its age. Pure: the page's clock comes in as an
 * age. The verdict itself is the node's; here it can only be withdrawn.
 */

/** Milliseconds between two questions. */
export const REFRESH_MS = 2_000
/** From here the age is shown as a warning. */
export const OLD_AFTER_MS = 15_000
/** From here the answer counts for nothing: `STALE_AFTER_MS` of wire/verdict.ts. */
export const STALE_AFTER_MS = 60_000

const tones = {
  'resilient-hybrid': 'good',
  'resilient-http': 'good',
  'resilient-fallback': 'warn',
  degraded: 'warn',
  'not-syncing': 'bad',
  diverged: 'bad',
  unknown: 'unknown',
}

/**
 * @param {{ state: string, text: string, served_by: string } | null} network the last answer
 * @param {number} ageMs since it arrived
 * @param {boolean} isChecking a question is on its way after a gap in which nothing was watched
 */
export function headlineOf(network, ageMs, isChecking) {
  const where = network?.served_by ?? 'Aethel lattice'
  if (isChecking) return say('checking', 'Checking…', 'no answer yet', where)
  if (network === null) {
    return say(
      'unknown',
      'Network Status: ❔ Unknown (no answer)',
      'the node does not answer',
      where,
    )
  }
  if (ageMs >= STALE_AFTER_MS) {
    // The age is not in the sentence: it is read aloud when it changes.
    const text = 'Network Status: ❔ Unknown (no answer for a minute or more)'
    return say('unknown', text, `⚠ data ${formatAge(ageMs)} old`, where)
  }
  const tone = tones[network.state] ?? 'unknown'
  if (ageMs < OLD_AFTER_MS) return say(tone, network.text, `updated ${formatAge(ageMs)} ago`, where)
  const freshness = `⚠ data ${formatAge(ageMs)} old`
  const text = network.text.replace('🟢', '⚠')
  return { ...say(tone === 'good' ? 'warn' : tone, text, freshness, where), isOld: true }
}

const say = (tone, text, freshness, where) => ({
  tone,
  text,
  freshness,
  isOld: false,
  title: `${text.replace('Network Status: ', '')} · ${where}`,
})

/** An age for people: `0 s`, `59 s`, `3 min 5 s`, `2 h 4 min`, `3 d 1 h`. */
export function formatAge(ageMs) {
  const seconds = Math.floor(ageMs / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** A picture of the tone for the tab: each tone has its own shape. */
export function faviconOf(tone) {
  const shapes = {
    good: '<circle cx="8" cy="8" r="7" fill="#1a8a3a"/>',
    warn: '<path d="M8 1 15.5 15H.5z" fill="#d18700"/>',
    bad: '<path d="M1 1h14v14H1z" fill="#c62828"/>',
    unknown: '<circle cx="8" cy="8" r="6" fill="none" stroke="#888" stroke-width="2"/>',
    checking: '<path d="M1 7h3v3H1zM6.5 7h3v3h-3zM12 7h3v3h-3z" fill="#888"/>',
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${shapes[tone] ?? shapes.unknown}</svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
