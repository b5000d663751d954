import * as z from 'zod'
import { covers, type Frontier } from '../../wire/frontier.ts'
import { AUTHORS_MAX, MEMBERS_MAX } from '../../wire/limits.ts'
import type { DesiredLattice } from '../desired/lattice.ts'
import { OperatorError } from '../errors.ts'
import type { SavedCheckpoint, SavedCheckpoints, TriangleReport } from './observation.ts'

const hex = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))

const schema = z.strictObject({
  format: z.literal(1),
  lattice: hex(64),
  nodes: z
    .array(
      z.strictObject({
        name: z.string(),
        peer_id: z.string(),
        incarnation: hex(16),
        frontier: z
          .record(hex(80), z.number().int().positive())
          .refine((frontier) => Object.keys(frontier).length <= AUTHORS_MAX),
        root: hex(64),
      }),
    )
    .max(MEMBERS_MAX),
})

/** The text of saved checkpoints, which parses back to them. */
export const formatCheckpoints = ({ lattice, nodes }: SavedCheckpoints): string =>
  `${JSON.stringify(
    {
      format: 1,
      lattice,
      nodes: nodes.map(({ name, peerId, incarnation, frontier, root }) => ({
        name,
        peer_id: peerId,
        incarnation,
        frontier: Object.fromEntries(frontier),
        root,
      })),
    } satisfies z.infer<typeof schema>,
    undefined,
    2,
  )}\n`

/**
 * Throws `OperatorError` for any other text: to take it for a first run would forgive whatever the nodes
 * have lost since.
 */
export function parseCheckpoints(text: string): SavedCheckpoints {
  const parsed = schema.safeParse(valueOf(text))
  if (!parsed.success) {
    throw new OperatorError(
      'bad-checkpoints',
      'what the last verify-triangle saved cannot be read',
      {
        exit: 'badInput',
        hint: 'move verify.json in .lattice/<phase> away; the next run then has nothing to compare with',
      },
    )
  }
  const { lattice, nodes } = parsed.data
  return {
    lattice,
    nodes: nodes.map(({ name, peer_id: peerId, incarnation, frontier, root }) => ({
      name,
      peerId,
      incarnation,
      frontier: new Map(Object.entries(frontier)) satisfies Frontier,
      root,
    })),
  }
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/**
 * What the next run is to hold the nodes to: each node as the report shows it; as before where it did not
 * show itself, or lacks something that it held. After a FAIL of the history nothing is taken over, so that
 * a loss stays one until it is made good.
 */
export function nextCheckpoints(
  lattice: DesiredLattice,
  report: TriangleReport,
  saved: SavedCheckpoints | null,
): SavedCheckpoints {
  const before = saved?.lattice === lattice.id ? saved.nodes : []
  const isBroken = report.checks.some(({ id, verdict }) => id === 'history' && verdict === 'FAIL')
  if (isBroken) return { lattice: lattice.id, nodes: before }
  const shown = report.nodes.flatMap((node): SavedCheckpoint[] =>
    node.incarnation === null || node.frontier === null || node.merkle_root === null
      ? []
      : [
          {
            name: node.name,
            peerId: node.peer_id,
            incarnation: node.incarnation,
            frontier: new Map(Object.entries(node.frontier)),
            root: node.merkle_root,
          },
        ],
  )
  const isEnded = (name: string): boolean =>
    report.unchecked.some(({ id }) => id === `history.${name}`)
  const grown = shown.filter(({ name, frontier }) => {
    const held = before.find((one) => one.name === name)
    return held === undefined || covers(frontier, held.frontier) || isEnded(name)
  })
  const kept = before.filter((one) => !grown.some((node) => node.name === one.name))
  return { lattice: lattice.id, nodes: [...kept, ...grown] }
}
