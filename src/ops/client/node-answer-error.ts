import { OperatorError } from '../errors.ts'

/**
 * Why a node gave no usable answer.
 * `unreachable`: no connection, or one that broke · `timeout`: too slow · `not-a-node`: something else
 * answers there · `too-large`: more than a node ever says · `too-many`: more than is read of one node, which
 * may be right · `refused`: the node said no (`refusal` and `status` tell why) · `bad-signature`: not
 * signed over our question · `wrong-identity`: another key · `wrong-lattice`: a node of another lattice ·
 * `bad-proof`: a proof that does not lead to what was signed.
 */
export const nodeAnswerCodes = [
  'unreachable',
  'timeout',
  'not-a-node',
  'too-large',
  'too-many',
  'refused',
  'bad-signature',
  'wrong-identity',
  'wrong-lattice',
  'bad-proof',
] as const
export type NodeAnswerCode = (typeof nodeAnswerCodes)[number]

/** Who was asked. */
export interface Asked {
  name: string
  url: string
}

const hints: Record<NodeAnswerCode, string> = {
  unreachable:
    'see whether it runs ("aethel-lattice status", "aethel-lattice logs") and whether its URL in nodes.yaml is right',
  timeout:
    'the host or the way to it is slow or cut; try again, then look at "aethel-lattice logs"',
  'not-a-node':
    'another program answers there: a proxy’s page, a sleeping Space, a web site; check the URL in nodes.yaml',
  'too-large': 'another program may answer there; check the URL in nodes.yaml',
  'too-many': 'nothing is known of the rest: verify without --full',
  refused: 'see "aethel-lattice logs" for the reason',
  'bad-signature':
    'a cache or proxy may be replaying answers: let nothing cache /api, and check where the URL leads',
  'wrong-identity':
    'two nodes may have swapped URLs or keys: compare nodes.yaml with the node’s key, then deploy again',
  'wrong-lattice':
    'its lattice name or genesis differs from nodes.yaml: check that the URL is this lattice’s, then deploy again',
  'bad-proof':
    'run "aethel-lattice verify-triangle --full": the node may have lost or changed entries',
}

/** A node did not answer as it must. The message names node and URL, never a token. */
export class NodeAnswerError extends OperatorError {
  override readonly name = 'NodeAnswerError'
  declare readonly code: NodeAnswerCode
  /** Name of the node. */
  readonly node: string
  /** HTTP status; null when there was none. */
  readonly status: number | null
  /** The node's own code, of a refusal. */
  readonly refusal: string | null

  constructor(
    asked: Asked,
    code: NodeAnswerCode,
    problem: string,
    details: { hint?: string; status?: number; refusal?: string } = {},
  ) {
    super(code, `${asked.name} (${asked.url}): ${problem}`, {
      exit: code === 'unreachable' || code === 'timeout' ? 'unreachable' : 'failed',
      hint: details.hint ?? hints[code],
    })
    this.node = asked.name
    this.status = details.status ?? null
    this.refusal = details.refusal ?? null
  }
}
