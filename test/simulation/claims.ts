import type { Checkpoint } from '../../src/wire/checkpoint.ts'
import { totalOf } from '../../src/wire/frontier.ts'

/** Frontiers of which claims are remembered at least. */
const CLAIMS_MAX = 10_000

type Claim = Pick<Checkpoint, 'frontier' | 'seals' | 'root' | 'stateRoot'>

/** What was signed about each frontier: the one root, and the one state root, that it may have. */
export class Claims {
  /** By the number of entries. The newest, and those before. */
  #young = new Map<number, Claim[]>()
  #old = new Map<number, Claim[]>()
  #youngCount = 0

  /** False: the last that was signed about its frontier was something else. */
  isAsBefore(claim: Claim): boolean {
    const total = totalOf(claim.frontier)
    const young = this.#young.get(total) ?? []
    const known = aboutSame(claim, young) ?? aboutSame(claim, this.#old.get(total) ?? [])
    const isAsBefore =
      known === undefined || (known.root === claim.root && known.stateRoot === claim.stateRoot)
    if (known === undefined || !isAsBefore) this.#remember(total, [claim, ...young])
    return isAsBefore
  }

  #remember(total: number, claims: Claim[]): void {
    this.#young.set(total, claims)
    this.#youngCount += 1
    if (this.#youngCount < CLAIMS_MAX) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngCount = 0
  }
}

const aboutSame = ({ frontier, seals }: Claim, claims: readonly Claim[]): Claim | undefined =>
  claims.find((other) => isSame(other.frontier, frontier) && isSame(other.seals, seals))

/** Compared apart from the code under test. */
function isSame(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false
  for (const [author, size] of a) if (b.get(author) !== size) return false
  return true
}
