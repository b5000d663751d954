import { totalOf, type Frontier } from '../../wire/frontier.ts'
import type { Verdict } from '../../wire/verdict.ts'
import { NodeAnswerError } from '../client/node-answer-error.ts'
import type { NodeClient } from '../client/node-client.ts'
import type { SavedCheckpoint } from './observation.ts'

/** Something that was signed before, which a node is held to. */
export interface RootClaim {
  /** Whose word it is. */
  about: string
  frontier: Frontier
  /** 64 hex. */
  root: string
}

/** Whether a node signs a root that was signed before. */
export interface RootProof {
  about: string
  verdict: Verdict
  message: string
}

/** What the last verification kept: nothing that was proven then may be missing now. */
export const savedClaims = (saved: readonly SavedCheckpoint[]): RootClaim[] =>
  saved.map(({ name, frontier, root }) => ({
    about: `${name} at the last verification`,
    frontier,
    root,
  }))

/** Asks a node to sign the root at the cut of each claim. A claim that it does not hold is FAIL, silence UNKNOWN. */
export async function proveRoots(
  client: NodeClient,
  claims: readonly RootClaim[],
  signal: AbortSignal,
): Promise<RootProof[]> {
  const proofs: RootProof[] = []
  for (const claim of claims) proofs.push(await proofOf(client, claim, signal))
  return proofs
}

async function proofOf(
  client: NodeClient,
  { about, frontier: cut, root }: RootClaim,
  signal: AbortSignal,
): Promise<RootProof> {
  const what = `${totalOf(cut)} entries with root ${root.slice(0, 12)}`
  try {
    const { attestation } = await client.attest({ cut }, signal)
    return attestation.cut?.root === root
      ? { about, verdict: 'PASS', message: `${client.name} signs ${what}` }
      : {
          about,
          verdict: 'FAIL',
          message: `${client.name} signs another root than that of ${what}`,
        }
  } catch (error) {
    if (!(error instanceof NodeAnswerError)) throw error
    return error.refusal === 'unknown-cut'
      ? { about, verdict: 'FAIL', message: `${client.name} does not hold all of ${what}` }
      : { about, verdict: 'UNKNOWN', message: error.message }
  }
}
