/** Characters of a word that is compared; longer ones are no typing errors. */
const WORD_CHARS_MAX = 64

/** The known word that was probably meant; undefined when none is near. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const plain = plainOf(given)
  if (plain === '' || plain.length > WORD_CHARS_MAX) return undefined
  const [best] = known
    .map((word) => ({ word, distance: editDistance(plain, plainOf(word)) }))
    .filter(({ word, distance }) => distance <= Math.ceil(plainOf(word).length / 3))
    .toSorted((a, b) => a.distance - b.distance)
  return best?.word
}

/** `did you mean "x"?`, or all that is known. */
export function suggestion(given: string, known: readonly string[]): string {
  const word = nearest(given, known)
  return word === undefined ? `known: ${known.join(', ')}` : `did you mean "${word}"?`
}

/** Without what styles of naming differ in: httpPort, http-port and http_port are one word. */
const plainOf = (word: string): string => word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')

/** Levenshtein: insertions, deletions and replacements that make `b` of `a`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: Array.from(b).length + 1 }, (_, index) => index)
  for (const [i, char] of Array.from(a).entries()) {
    const next = [i + 1]
    for (const [j, other] of Array.from(b).entries()) {
      const replaced = (row[j] ?? 0) + (char === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
