import { createPrivateKey, createPublicKey } from 'node:crypto'
import { join } from 'node:path'
import { peerIdOf, PUBLIC_KEY_BYTES } from '../../wire/signature.ts'
import { OperatorError } from '../errors.ts'
import { nodesOf, type Inventory, type Phase } from './inventory.ts'
import { makeKeyFile, readKeyFile } from './key-file.ts'
import { keysDirectory, operatorTokenPath } from './state.ts'

/** Who a node is, known before it first runs. The seed itself stays in its file. */
export interface Identity {
  name: string
  peerId: string
  /** The file with the Ed25519 seed: 64 hex characters and a line end. */
  seedPath: string
}

/**
 * The identities of a phase's nodes, by name.
 *
 * @throws `OperatorError` for a key that is missing, malformed, open to others, or another node's too
 */
export async function readIdentities(
  inventory: Inventory,
  phase: Phase,
): Promise<ReadonlyMap<string, Identity>> {
  const directory = keysDirectory(inventory, phase)
  const identities = new Map<string, Identity>()
  const names = new Map<string, string>()
  const missing: string[] = []
  for (const { name } of nodesOf(inventory, phase)) {
    const seedPath = seedPathIn(directory, name)
    const seed = await readKeyFile(seedPath)
    if (seed === null) {
      missing.push(name)
      continue
    }
    const peerId = peerIdOfSeed(seed)
    const twin = names.get(peerId)
    if (twin !== undefined) {
      throw new OperatorError('shared-key', `${name} and ${twin} have the same key`, {
        exit: 'badInput',
        hint: `each node needs its own: move ${seedPath} away and run "aethel-lattice keys"`,
      })
    }
    names.set(peerId, name)
    identities.set(name, { name, peerId, seedPath })
  }
  if (missing.length > 0) {
    throw new OperatorError('no-identity', `no key in ${directory} for ${missing.join(', ')}`, {
      exit: 'badInput',
      hint: 'run "aethel-lattice keys"',
    })
  }
  return identities
}

/** What `makeIdentities` did; both lists in the order of nodes.yaml. */
export interface MadeIdentities {
  made: Identity[]
  kept: Identity[]
  /** Whether the operator's token was made; false: it was there. */
  tokenMade: boolean
}

/**
 * Makes the keys that are missing, of all nodes whatever the phase runs, and the operator's token.
 * What exists stays as it is.
 *
 * @throws as `readIdentities` does, for a key that is there and cannot be used
 */
export async function makeIdentities(inventory: Inventory, phase: Phase): Promise<MadeIdentities> {
  const directory = keysDirectory(inventory, phase)
  const made = new Set<string>()
  for (const { name } of inventory.nodes) {
    if (await makeKeyFile(seedPathIn(directory, name))) made.add(name)
  }
  const tokenMade = await makeKeyFile(operatorTokenPath(inventory, phase))
  const everyNode = phase === 'local' ? 'local' : 'full'
  const all = [...(await readIdentities(inventory, everyNode)).values()]
  return {
    made: all.filter(({ name }) => made.has(name)),
    kept: all.filter(({ name }) => !made.has(name)),
    tokenMade,
  }
}

/**
 * The seed of an identity, 64 hex characters: what a node is given as its key. A secret.
 *
 * @throws `OperatorError` when its file is gone or now holds another key
 */
export async function readSeed(identity: Identity): Promise<string> {
  const seed = await readKeyFile(identity.seedPath)
  if (seed !== null && peerIdOfSeed(seed) === identity.peerId) return seed
  throw new OperatorError(
    'no-identity',
    `${identity.seedPath} no longer holds the key of ${identity.name}`,
    {
      exit: 'badInput',
      hint: 'run the command again',
    },
  )
}

/** The bearer token of a phase's operator, 64 hex characters; null before `makeIdentities`. A secret. */
export const readOperatorToken = (inventory: Inventory, phase: Phase): Promise<string | null> =>
  readKeyFile(operatorTokenPath(inventory, phase))

const seedPathIn = (directory: string, name: string): string => join(directory, `${name}.key`)

/** RFC 8410: an Ed25519 private key is this and the seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

function peerIdOfSeed(seed: string): string {
  const key = Buffer.concat([PKCS8_PREFIX, Buffer.from(seed, 'hex')])
  const publicKey = createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  return peerIdOf(publicKey.export({ format: 'der', type: 'spki' }).subarray(-PUBLIC_KEY_BYTES))
}
