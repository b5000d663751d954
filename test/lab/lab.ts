import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import * as z from 'zod'
import { OperatorError } from '../../src/ops/errors.ts'
import { userOf, writeAccess } from './access.ts'
import { baseTree } from './base-tree.ts'
import { Host } from './host.ts'
import { HOSTS_MAX } from './limits.ts'
import { addressOf, connect, machineAddressOf, makeBridge } from './network.ts'
import { filesOf, hostNames, placeOf, type LabFiles, type Place } from './place.ts'
import { requireRootAndPrograms } from './shell.ts'
import { removeTraces } from './traces.ts'

const recordSchema = z.strictObject({
  hostCount: z.int().min(1).max(HOSTS_MAX),
  /** The process that takes the lab down, for a lab that lives no longer than its test. */
  ownerId: z.int().nullable(),
  /** Null before the lab has its network and its base tree. */
  made: z.strictObject({ subnet: z.string(), baseTree: z.string() }).nullable(),
})
type LabRecord = z.infer<typeof recordSchema>

export interface LabOptions {
  directory: string
  hostCount?: number
  /** Debian packages beside those of a small server. */
  packages?: readonly string[]
  ownerId?: number | null
  say?: (line: string) => void
}

/**
 * Real Debian hosts on this machine: systemd, sshd and nftables, each with a disk and an address of its
 * own. A lab is its directory; it lives on when the process that made it ends.
 */
export class Lab implements AsyncDisposable {
  readonly place: Place
  readonly files: LabFiles
  /** This machine, as the hosts see it. */
  readonly machine: { address: string }
  readonly hosts: readonly Host[]

  private constructor(place: Place, hostCount: number, made: { subnet: string; baseTree: string }) {
    const { subnet } = made
    this.place = place
    this.files = filesOf(place)
    this.machine = { address: machineAddressOf(subnet) }
    const specs = hostNames(hostCount).map((name, index) => ({
      name,
      address: addressOf(subnet, index),
      user: userOf(index),
    }))
    const hostsFile = [
      '127.0.0.1 localhost',
      '::1 localhost',
      ...specs.map(({ name, address }) => `${address} ${name}`),
      '',
    ].join('\n')
    this.hosts = specs.map((spec) => {
      const seed = { name: spec.name, baseTree: made.baseTree, files: this.files, hostsFile }
      const others = specs.filter(({ name }) => name !== spec.name)
      const everyoneElse = [this.machine, ...others].map(({ address }) => address)
      return new Host(place, seed, spec, everyoneElse)
    })
  }

  /** Makes a lab in a directory that is not there yet, or leaves nothing of it. */
  static async up(options: LabOptions): Promise<Lab> {
    const { hostCount = 2, packages = [], ownerId = null, say = () => {} } = options
    await requireRootAndPrograms()
    const place = placeOf(options.directory)
    await claim(place)
    const record: LabRecord = { hostCount, ownerId, made: null }
    try {
      await writeRecord(place, record)
      const tree = await baseTree(packages, say)
      const made = { subnet: await makeBridge(place), baseTree: tree }
      await writeRecord(place, { ...record, made })
      const lab = new Lab(place, hostCount, made)
      await writeAccess(place, lab.files, lab.hosts)
      await Promise.all(
        lab.hosts.map(async (host) => {
          await connect(place, host.place, host.address)
          const failed = await host.install()
          say(`${host.name} ${host.address}: ${describe(failed)}`)
        }),
      )
      return lab
    } catch (error) {
      await removeTraces(place)
      throw error
    }
  }

  /** The lab that another process made there. */
  static async open(directory: string): Promise<Lab> {
    const place = placeOf(directory)
    const record = await readRecord(place)
    if (record?.made === undefined || record.made === null) {
      throw new OperatorError('LAB_NOT_UP', `no lab in ${place.directory}`, {
        hint: 'make one: npm run lab -- up',
      })
    }
    await requireRootAndPrograms()
    return new Lab(place, record.hostCount, record.made)
  }

  /** Takes everything of the lab away, whatever there is of it, and makes sure. */
  static async down(directory: string): Promise<void> {
    await requireRootAndPrograms()
    const place = placeOf(directory)
    const content = await readdir(place.directory).catch(() => [])
    if (content.length > 0 && !existsSync(filesOf(place).record)) throw notALab(place)
    await removeTraces(place)
  }

  /** Takes it down when the process that owns it is gone. */
  static async downIfAbandoned(directory: string): Promise<void> {
    const record = await readRecord(placeOf(directory))
    const ownerId = record?.ownerId ?? null
    if (ownerId !== null && !existsSync(`/proc/${ownerId}`)) await Lab.down(directory)
  }

  host(name: string): Host {
    const found = this.hosts.find((host) => host.name === name)
    if (found !== undefined) return found
    const names = this.hosts.map((host) => host.name).join(', ')
    throw new OperatorError('LAB_HOST_UNKNOWN', `the lab has no ${name}`, {
      hint: `it has ${names}`,
    })
  }

  down(): Promise<void> {
    return removeTraces(this.place)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down()
  }
}

export const describe = (failedUnits: readonly string[]): string =>
  failedUnits.length === 0 ? 'running' : `degraded: ${failedUnits.join(', ')}`

const notALab = ({ directory }: Place): OperatorError =>
  new OperatorError('LAB_DIRECTORY_FOREIGN', `${directory} holds something that is not a lab`, {
    hint: 'name a directory that is not there yet: --dir DIR',
  })

async function claim(place: Place): Promise<void> {
  // The options of an overlay are one list with commas and colons, and mount tables escape the rest.
  if (!/^[\w./-]+$/.test(place.directory)) {
    throw new OperatorError('LAB_DIRECTORY_UNUSABLE', `no lab can lie in ${place.directory}`, {
      hint: 'name a directory of letters, digits, dots, hyphens and slashes: --dir DIR',
    })
  }
  await mkdir(place.directory, { recursive: true })
  const content = await readdir(place.directory)
  if (content.length === 0) return
  if (!existsSync(filesOf(place).record)) throw notALab(place)
  throw new OperatorError('LAB_IS_THERE', `a lab is in ${place.directory} already`, {
    hint: 'take it down first: npm run lab -- down',
  })
}

const writeRecord = (place: Place, record: LabRecord): Promise<void> =>
  writeFile(filesOf(place).record, `${JSON.stringify(record, null, 2)}\n`)

async function readRecord(place: Place): Promise<LabRecord | null> {
  const text = await readFile(filesOf(place).record, 'utf8').catch(() => null)
  return text === null ? null : recordSchema.parse(JSON.parse(text))
}
