import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { hostPlaceOf, type LabFiles, type Place } from './place.ts'
import { run } from './shell.ts'

/** Who logs in where: the first host takes root, the others a user with sudo, and so on in turn. */
export const userOf = (hostIndex: number): 'root' | 'operator' =>
  hostIndex % 2 === 0 ? 'root' : 'operator'

export interface Named {
  name: string
  address: string
  user: string
}

/** Keys, known hosts, settings of ssh and nodes.yaml of a new lab. */
export async function writeAccess(
  place: Place,
  files: LabFiles,
  hosts: readonly Named[],
): Promise<void> {
  await mkdir(dirname(files.identity), { recursive: true, mode: 0o700 })
  await run`ssh-keygen -q -t ed25519 -N ${''} -C lab -f ${files.identity}`
  await writeFile(files.sudoPassword, `${randomBytes(9).toString('base64url')}\n`, { mode: 0o600 })
  const known = await Promise.all(
    hosts.map(async ({ name, address }) => {
      const publicKey = await makeHostKeys(join(hostPlaceOf(place, name).directory, 'keys'))
      return `${name},${address} ${publicKey}`
    }),
  )
  await writeFile(files.knownHosts, known.map((line) => `${line}\n`).join(''))
  await writeFile(files.sshConfig, sshConfig(files, hosts))
  await chmod(files.sshConfig, 0o600)
  await writeFile(files.inventory, inventory(files, hosts))
}

/**
 * A host has keys of two kinds, as Debian makes them, but only the ed25519 one is known: a client that
 * lets the server choose the other sees a stranger.
 */
async function makeHostKeys(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  for (const type of ['ed25519', 'ecdsa']) {
    await run`ssh-keygen -q -t ${type} -N ${''} -C ${''} -f ${join(directory, `ssh_host_${type}_key`)}`
  }
  const publicKey = await readFile(join(directory, 'ssh_host_ed25519_key.pub'), 'utf8')
  return publicKey.trim()
}

const sshConfig = (files: LabFiles, hosts: readonly Named[]): string =>
  [
    ...hosts.map(({ name, address, user }) => [
      `Host ${name} ${address}`,
      `  HostName ${address}`,
      `  User ${user}`,
    ]),
    [
      'Host *',
      `  IdentityFile ${files.identity}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${files.knownHosts}`,
      '  GlobalKnownHostsFile /dev/null',
      '  StrictHostKeyChecking yes',
      '  BatchMode yes',
      '  ConnectTimeout 10',
      '',
    ],
  ]
    .flat()
    .join('\n')

const inventory = (files: LabFiles, hosts: readonly Named[]): string =>
  stringify({
    lattice: { name: 'lab', genesis: { Alice: 1_000_000, Bob: 1_000_000 } },
    nodes: hosts.map(({ name, address, user }, index) => ({
      name,
      kind: 'server',
      role: index === 0 ? 'primary' : 'backup',
      url: `http://${address}:8000`,
      p2p_port: 9000,
      ssh: { user, identity: `file:${files.identity}` },
    })),
  })
