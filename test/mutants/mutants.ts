import type { Mutant } from './mutant.ts'
import { divergence, finality } from './planted/agreement.ts'
import { durability } from './planted/durability.ts'
import { exchange, sync } from './planted/exchange.ts'
import { membership, seals } from './planted/membership.ts'
import { merkle, signature, snapshots } from './planted/proof.ts'
import { rebuild, state } from './planted/state.ts'

/** Every planted bug, by what it breaks. */
export const mutants: readonly Mutant[] = [
  ...durability,
  ...state,
  ...rebuild,
  ...membership,
  ...seals,
  ...finality,
  ...divergence,
  ...exchange,
  ...sync,
  ...snapshots,
  ...merkle,
  ...signature,
]
