import * as z from 'zod'
import { attestAnswer, receiptOutcome } from './api.ts'

/**
 * The JSON of the ledger's evidence: entries as they were signed, signed checkpoints, and proofs that
 * lead from the one to the other. Everything in it can be verified without trust in who answers.
 * Hashes are lower-case hex; `bytes` and `signature` are what was signed, base64.
 */

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const size = z.number().int().nonnegative()
const author = z.string().regex(/^[0-9a-f]{80}$/)
const signed = { bytes: z.base64(), signature: z.base64() }
/** Hashes of an RFC 6962 proof, in its order. */
const proof = z.array(hash).max(64)

/** Author id → number of entries. */
export const frontierSizes = z.record(z.string(), z.number().int().positive())

export const intentView = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('noop'), note: z.string() }),
  z.object({ kind: z.literal('issue'), to: z.string(), amount: z.number().int() }),
  z.object({
    kind: z.literal('transfer'),
    from: z.string(),
    to: z.string(),
    amount: z.number().int(),
  }),
])

/** An entry: what its bytes say, and the bytes. */
export const entryView = z.object({
  author,
  seq: size,
  id: hash,
  prev: hash,
  /** Hybrid clock, microseconds. */
  hlc: size,
  intent: intentView,
  ...signed,
})
export type EntryView = z.infer<typeof entryView>

/** `GET /api/lattice/entries/{author}?from=n&limit=n`: of one author, in sequence. */
export const entriesAnswer = z.object({
  success: z.literal(true),
  author,
  /** Entries of this author that the node holds. */
  size,
  entries: z.array(entryView),
  /** Where to go on; null at the end. */
  next: size.nullable(),
})

/** `GET /api/lattice/entries/{author}/{seq}`. */
export const entryAnswer = z.object({ success: z.literal(true), entry: entryView })

/** A checkpoint: what its bytes say, and the bytes. */
export const checkpointView = z.object({
  peer_id: z.string(),
  lattice: hash,
  incarnation: z.string(),
  frontier: frontierSizes,
  /** Author id → where its log ends. */
  seals: z.record(z.string(), size),
  root: hash,
  state_root: hash,
  clock_floor: size,
  /** The node's wall clock, milliseconds. */
  wall_ms: size,
  ...signed,
})
export type CheckpointView = z.infer<typeof checkpointView>

/** `GET /api/lattice/checkpoint`: the newest that the node has signed. */
export const checkpointAnswer = z.object({
  success: z.literal(true),
  checkpoint: checkpointView,
})

/**
 * `POST /api/lattice/checkpoint`: the node's signed word about an earlier frontier. The same statement
 * as `POST /api/lattice/attest` with a cut; there is one way of signing.
 */
export const statementRequest = z.strictObject({
  frontier: frontierSizes,
  /** 32 hex; without one, the node makes it. */
  nonce: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
})
export const statementAnswer = attestAnswer.extend({ frontier: frontierSizes, root: hash })

/**
 * `GET /api/lattice/proofs/inclusion/{author}/{seq}?size=n`: from an entry to a signed lattice root, in
 * three steps. The leaf is SHA-256 of 0x00 and the id.
 */
export const inclusionAnswer = z.object({
  success: z.literal(true),
  author,
  seq: size,
  id: hash,
  /** The leaf in the author's tree of `size` entries. */
  in_log: z.object({ size, root: hash, proof }),
  /** That tree is the beginning of the one whose size the checkpoint names. */
  in_signed_log: z.object({ size, root: hash, proof }),
  /** The leaf `(author, size, root)` of that one in the lattice's tree over `authors` leaves. */
  in_lattice: z.object({ index: size, authors: size, proof }),
  checkpoint: checkpointView,
})
export type InclusionAnswer = z.infer<typeof inclusionAnswer>

/** `GET /api/lattice/proofs/consistency/{author}?from=m&to=n`. The roots are the node's word. */
export const consistencyAnswer = z.object({
  success: z.literal(true),
  author,
  from: size,
  to: size,
  from_root: hash,
  to_root: hash,
  proof,
})

/** `POST /api/lattice/proofs/consistency`: that a signed checkpoint extends an earlier frontier. */
export const extensionRequest = z.strictObject({ frontier: frontierSizes })
export const extensionAnswer = z.object({
  success: z.literal(true),
  /** Lattice root at the earlier frontier. */
  root: hash,
  /** Every author of the checkpoint, in order. `from` 0: not in the earlier frontier. */
  authors: z.array(
    z.object({ author, from: size, to: size, from_root: hash, to_root: hash, proof }),
  ),
  checkpoint: checkpointView,
})
export type ExtensionAnswer = z.infer<typeof extensionAnswer>

/** `GET /api/lattice/accounts/{account}/history?before=cursor&limit=n`: newest first. */
export const historyAnswer = z.object({
  success: z.literal(true),
  account: z.string(),
  /** Minor units now. */
  balance: z.number().int(),
  entries: z.array(
    entryView.extend({
      ...receiptOutcome.shape,
      /** Minor units that it added to the account; 0 when it was rejected. */
      effect: z.number().int(),
    }),
  ),
  /** `before` of the next question; null at the end. */
  next: z.string().nullable(),
})
export type HistoryAnswer = z.infer<typeof historyAnswer>

/** `POST /api/lattice/import`, once everything that was taken is on the disk. Needs `admin`. */
export const importAnswer = z.object({
  /** Whether nothing was refused. */
  success: z.boolean(),
  entries: size,
  /** Not on this node's disk before. */
  new: size,
  held: size,
  /** Behind the end of a sealed log: no part of the ledger any more. */
  left_out: size,
  refused: size,
  /** Of the first that was refused. */
  reason: z.object({ author, seq: size, code: z.string(), message: z.string() }).nullable(),
})
export type ImportAnswer = z.infer<typeof importAnswer>

/** `POST /api/lattice/possession`: that the node has its key; see `possession.ts`. */
export const possessionRequest = z.strictObject({ nonce: z.string().regex(/^[0-9a-f]{32}$/) })
export const possessionAnswer = z.object({
  success: z.literal(true),
  peer_id: z.string(),
  signature: z.base64(),
})

/** `POST /api/lattice/retire`: ends the log of a directory that the node had. Needs `admin`. */
export const retireRequest = z.strictObject({ incarnation: z.string().regex(/^[0-9a-f]{16}$/) })
export const retireAnswer = z.object({ success: z.literal(true), author, size })
export type RetireAnswer = z.infer<typeof retireAnswer>

/** `POST /api/lattice/repair`: a new store with what is sound of a damaged one. Needs `admin`. */
export const repairAnswer = z.object({
  success: z.literal(true),
  entries_kept: size,
  /** Where the damaged database is now, on the node's host. */
  damaged_file: z.string(),
})
export type RepairAnswer = z.infer<typeof repairAnswer>
