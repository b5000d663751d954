import { parseAuthorId } from '../../wire/author.ts'
import type { Frontier } from '../../wire/frontier.ts'
import { AUTHORS_MAX } from '../../wire/limits.ts'
import { Refusal } from './refusal.ts'

/** The frontier of a body's `{author: size}`. Throws a 400 that names `field`. */
export function frontierIn(field: string, sizes: Readonly<Record<string, number>>): Frontier {
  const frontier = new Map(Object.entries(sizes))
  if (frontier.size > AUTHORS_MAX) {
    throw new Refusal(
      400,
      'bad-request',
      `${field}: ${frontier.size} authors, at most ${AUTHORS_MAX}`,
    )
  }
  for (const author of frontier.keys()) {
    if (parseAuthorId(author) === null) {
      throw new Refusal(400, 'bad-request', `${field}: not an author id`, {
        hint: 'GET /api/lattice/health names the authors under ledger.frontier',
      })
    }
  }
  return frontier
}
