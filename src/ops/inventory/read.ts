import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type * as z from 'zod'
import { OperatorError } from '../errors.ts'
import { readYaml, type Finding } from './document.ts'
import { schemaFindings } from './findings.ts'
import type { Inventory, LatticeSpec, LocalSpec, NodeSpec } from './inventory.ts'
import { INVENTORY_BYTES_MAX, PROBLEMS_MAX } from './limits.ts'
import { lint, type SoundParts } from './lint.ts'
import { hostOf, isProxied, portOf } from './origins.ts'
import { InventoryError, type Problem } from './problems.ts'
import { inventorySchema, latticeSchema, localSchema, nodeSchema } from './schema.ts'

/**
 * Reads nodes.yaml.
 *
 * @throws `InventoryError` with every problem in the file, each with its line and a hint;
 *   `OperatorError` when there is no such file or it cannot be read
 */
export async function readInventory(path: string): Promise<Inventory> {
  const text = await readText(path)
  return parseInventory(text, path)
}

/** As `readInventory`, of a text. `path` is where it stands: state and keys lie beside it. */
export function parseInventory(text: string, path: string): Inventory {
  const source = readYaml(text)
  if (source.value === undefined) throw new InventoryError(path, source.problems)

  const findings = [...schemaFindings(source.value), ...lint(soundParts(source.value))]
    .slice(0, PROBLEMS_MAX)
    .filter(isFirstAtItsPlace)
    .map((finding) => source.problemOf(finding))
    .filter((problem) => !source.problems.some((known) => isSamePlace(known, problem)))
  const problems = [...source.problems, ...findings].toSorted(inOrderOfFile)
  if (problems.length > 0) throw new InventoryError(path, problems)

  return inventoryOf(inventorySchema.parse(source.value), resolve(path))
}

const inOrderOfFile = (a: Problem, b: Problem): number => a.line - b.line || a.column - b.column

const isSamePlace = (a: Problem, b: Problem): boolean => a.line === b.line && a.column === b.column

/** One problem at a place is enough: the next may follow from it. */
const isFirstAtItsPlace = (finding: Finding, index: number, all: readonly Finding[]): boolean =>
  all.findIndex(({ at }) => at.join('\0') === finding.at.join('\0')) === index

async function readText(path: string): Promise<string> {
  const refuse = (code: string, message: string, hint: string, cause?: unknown): never => {
    throw new OperatorError(code, `${path}: ${message}`, { exit: 'badInput', hint, cause })
  }
  // Not blocking: a FIFO without a writer would hold the open for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) =>
    (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? refuse(
          'no-inventory',
          'no such file',
          'go to the folder of nodes.yaml, or name it with --file',
          error,
        )
      : refuse(
          'unreadable-inventory',
          'cannot be opened',
          'check the path and its permissions',
          error,
        ),
  )
  try {
    if (!(await file.stat()).isFile())
      refuse('unreadable-inventory', 'is no file', 'name a nodes.yaml')
    const bytes = Buffer.alloc(INVENTORY_BYTES_MAX + 1)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    if (bytesRead > INVENTORY_BYTES_MAX) {
      refuse(
        'unreadable-inventory',
        `is larger than ${INVENTORY_BYTES_MAX} bytes`,
        'is this a nodes.yaml?',
      )
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, bytesRead))
  } catch (error) {
    if (error instanceof OperatorError) throw error
    return refuse('unreadable-inventory', 'is not UTF-8 text', 'save it as UTF-8', error)
  } finally {
    await file.close()
  }
}

/** The parts that can be looked at together although others are wrong. */
function soundParts(data: unknown): SoundParts {
  const { lattice, local = {}, nodes } = (data ?? {}) as Record<string, unknown>
  const common = latticeSchema.safeParse(lattice).data
  const here = localSchema.safeParse(local).data
  return {
    lattice: common === undefined ? null : latticeOf(common),
    local: here === undefined ? null : localOf(here, common?.genesis ?? new Map()),
    nodes: (Array.isArray(nodes) ? nodes : []).map((node) => {
      const sound = nodeSchema.safeParse(node).data
      return sound === undefined ? null : nodeOf(sound)
    }),
  }
}

function inventoryOf(file: z.output<typeof inventorySchema>, path: string): Inventory {
  return {
    path,
    lattice: latticeOf(file.lattice),
    nodes: file.nodes.map(nodeOf),
    local: localOf(file.local, file.lattice.genesis),
  }
}

const latticeOf = (lattice: z.output<typeof latticeSchema>): LatticeSpec => ({
  name: lattice.name,
  topic: lattice.topic,
  genesis: lattice.genesis,
  submit: lattice.submit,
  isP2pEnabled: lattice.p2p,
  syncPolicy: lattice.policy,
  heartbeatMs: lattice.heartbeat,
  httpPollMs: lattice.poll,
  peerlessTimeoutMs: lattice.peerless_timeout,
  corsOrigins: lattice.cors_origins,
  ca: lattice.ca ?? null,
})

const localOf = (
  local: z.output<typeof localSchema>,
  genesis: LatticeSpec['genesis'],
): LocalSpec => ({
  httpPort: local.http_port,
  p2pPort: local.p2p_port,
  submit: local.submit,
  genesis: local.genesis ?? genesis,
})

function nodeOf(node: z.output<typeof nodeSchema>): NodeSpec {
  const { name, role, url } = node
  if (node.kind === 'space') {
    return { kind: 'space', name, role, url, space: node.space, token: node.token }
  }
  const host = node.host ?? hostOf(url)
  const isCaddy = node.proxy === 'caddy'
  return {
    kind: 'server',
    name,
    role,
    url,
    host,
    httpPort: node.http_port ?? (isProxied(url) ? 8000 : portOf(url)),
    p2pPort: node.p2p_port,
    webSocketPort: node.web_socket_port ?? (isCaddy ? portOf(url) : null),
    firewall: node.firewall ?? null,
    proxy: isCaddy ? { kind: 'caddy', tls: node.tls ?? null } : null,
    ssh: {
      host: node.ssh.host ?? host,
      port: node.ssh.port ?? null,
      user: node.ssh.user,
      identity: node.ssh.identity ?? null,
      hostKeys: node.ssh.host_keys,
    },
    root: node.root,
  }
}
