import * as z from 'zod/mini'

const generation = z.strictObject({ release: z.string(), settings: z.string() })

const begin = z.strictObject({
  type: z.literal('begin'),
  run: z.string(),
  at: z.string(),
  /** Token of the lock under which the run was made. */
  fence: z.int(),
  kind: z.enum(['deploy', 'rollback']),
  plan: z.string(),
  release: z.strictObject({ id: z.string(), version: z.string() }),
  /** Nodes that the run switches, in order, with all that bringing them back takes. */
  nodes: z.array(
    z.strictObject({
      name: z.string(),
      previous: z.strictObject({
        generation: z.nullable(generation),
        configDigest: z.nullable(z.string()),
        state: z.enum(['running', 'failing', 'stopped']),
      }),
      next: generation,
    }),
  ),
  /** Names of the nodes that ran before it. */
  active: z.array(z.string()),
  /** What no gate had seen of nodes when it began, by name. */
  unproven: z.optional(z.record(z.string(), z.string())),
})

const step = z.strictObject({
  type: z.literal('step'),
  run: z.string(),
  at: z.string(),
  id: z.string(),
  node: z.string(),
  action: z.enum(['stage', 'activate', 'start', 'gate', 'prune', 'restore', 'regate']),
  state: z.enum(['begun', 'done', 'failed']),
  reason: z.optional(z.string()),
  /** Of one that switches a node, once it begins: what the node held. Null: it was up and did not tell. */
  held: z.optional(z.nullable(z.record(z.string(), z.int().check(z.nonnegative())))),
  /** Of a gate, once it is done: what it did not see. */
  unproven: z.optional(z.string()),
})

const end = z.strictObject({
  type: z.literal('end'),
  run: z.string(),
  at: z.string(),
  result: z.enum(['deployed', 'restored', 'split']),
})

/** One line of the journal. A step is there before it begins; that it is over stands before what comes next. */
export const journalRecord = z.discriminatedUnion('type', [begin, step, end])
export type JournalRecord = z.infer<typeof journalRecord>
export type BeginRecord = z.infer<typeof begin>
export type StepRecord = z.infer<typeof step>
