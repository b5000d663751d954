/** Values that a shell, systemd or YAML would read as more than themselves, in every field of nodes.yaml. */
import { existsSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { parseInventory } from '../../src/ops/inventory/read.ts'
import { InventoryError } from '../../src/ops/inventory/problems.ts'
import type { Lab } from './lab.ts'
import { Operator } from './operator.ts'
import { upTestLab } from './test-lab.ts'

/** What a value that was run would make, here or on a host. */
const TRACE = '/tmp/aethel-was-run'
const RUNS_MAX = 60
const RUNS_MS_MAX = 15 * 60_000

const hostile = [
  `$(touch ${TRACE})`,
  `\`touch ${TRACE}\``,
  `'; touch ${TRACE}; '`,
  `"; touch ${TRACE}; "`,
  `x\ntouch ${TRACE}`,
  `x\nExecStartPre=/usr/bin/touch ${TRACE}`,
  `-oProxyCommand=touch ${TRACE}`,
  `|touch ${TRACE}`,
  `%h\${HOME}`,
  'Zoë ☃ ",\\\'',
  '../../../../tmp/aethel-was-run',
]

type Key = string | number
type Document = Record<string, unknown>

let lab: Lab
let operator: Operator
let plain: Document
beforeAll(async () => {
  rmSync(TRACE, { force: true })
  lab = await upTestLab()
  operator = new Operator(lab)
  await operator.settle()
  plain = parse(await readFile(lab.files.inventory, 'utf8')) as Document
})
afterAll(async () => {
  await lab?.down()
  operator?.remove()
})

/** nodes.yaml with every optional field that holds a text. */
function whole(): Document {
  const document = structuredClone(plain) as unknown as {
    lattice: Document
    nodes: { ssh: Document; root?: string }[]
  }
  Object.assign(document.lattice, {
    topic: 'aethel/lattice/v1',
    policy: 'auto',
    heartbeat: '5s',
    poll: '10s',
    peerless_timeout: '2s',
    cors_origins: ['https://page.example'],
  })
  for (const [index, node] of document.nodes.entries()) {
    node.root = '/opt/aethel-lattice'
    Object.assign(node.ssh, {
      host: `host${index}.example`,
      port: 22,
      host_keys: [`SHA256:${'a'.repeat(43)}`],
    })
  }
  return document
}

/** Where a scalar stands, and where a key is free to choose. */
function places(value: unknown, at: readonly Key[] = []): Key[][] {
  if (Array.isArray(value)) return value.flatMap((item, index) => places(item, [...at, index]))
  if (value === null || typeof value !== 'object') return [[...at]]
  return Object.entries(value).flatMap(([key, item]) => places(item, [...at, key]))
}

const valueAt = (document: Document, at: readonly Key[]): unknown =>
  at.reduce<unknown>((place, key) => (place as Record<Key, unknown> | undefined)?.[key], document)

function replaced(document: Document, at: readonly Key[], text: string): Document {
  const copy = structuredClone(document)
  const [last = '', ...outer] = at.toReversed()
  let place: Record<Key, unknown> = copy
  for (const key of outer.toReversed()) place = place[key] as Record<Key, unknown>
  place[last] = text
  return copy
}

const renamedAccount = (text: string): Document => {
  const copy = structuredClone(plain) as unknown as { lattice: Document }
  copy.lattice['genesis'] = { [text]: 1_000_000, Bob: 1_000_000 }
  return copy
}

test(
  'are refused with their line, or carried as they are, and never run',
  { timeout: RUNS_MS_MAX },
  async () => {
    // Refused for their hostile values only.
    for (const sound of [plain, whole()]) parseInventory(stringify(sound), lab.files.inventory)
    const accepted: { at: string; document: Document }[] = []
    const candidates = [
      ...places(plain).map((at) => ({ at, base: plain })),
      ...places(whole())
        .filter((at) => valueAt(plain, at) === undefined)
        .map((at) => ({ at, base: whole() })),
    ]
    const lines: number[] = []
    for (const text of hostile) {
      const documents = [
        ...candidates.flatMap(({ at, base }) =>
          [text, `${String(valueAt(base, at))}${text}`].map((value) => ({
            at: at.join('.'),
            document: replaced(base, at, value),
          })),
        ),
        { at: 'lattice.genesis', document: renamedAccount(text) },
      ]
      for (const { at, document } of documents) {
        try {
          parseInventory(stringify(document), lab.files.inventory)
          accepted.push({ at, document })
        } catch (error) {
          if (!(error instanceof InventoryError)) throw error
          lines.push(error.problems[0]?.line ?? 0)
        }
      }
    }
    expect(lines.length).toBeGreaterThan(300)
    expect(Math.min(...lines)).toBeGreaterThan(0)
    expect(accepted.length).toBeLessThanOrEqual(RUNS_MAX)

    for (const { document } of accepted) {
      await writeFile(lab.files.inventory, stringify(document))
      for (const command of ['plan', 'doctor']) await operator.run(command)
    }
    await expectNoTrace()
  },
)

test('are carried to hosts by a deploy as they are', async () => {
  const accounts = hostile.filter((text) => {
    try {
      parseInventory(stringify(renamedAccount(text)), lab.files.inventory)
      return true
    } catch {
      return false
    }
  })
  const document = structuredClone(plain) as unknown as { lattice: Document }
  document.lattice['genesis'] = Object.fromEntries(
    ['Alice', ...accounts].map((account) => [account, 5]),
  )
  await writeFile(lab.files.inventory, stringify(document))
  expect(await operator.told('deploy', '--yes')).toMatchObject({
    code: 0,
    said: { result: 'deployed' },
  })
  await expectNoTrace()
})

async function expectNoTrace(): Promise<void> {
  expect(existsSync(TRACE)).toBe(false)
  for (const host of lab.hosts) {
    expect(
      (await host.attempt(['find', '/tmp', '/root', '/opt', '-name', '*was-run*'])).stdout,
    ).toBe('')
  }
}
