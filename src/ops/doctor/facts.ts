import { FACTS_BEGIN, FACTS_END } from './facts-script.ts'
import { LINE_CHARS_MAX } from './limits.ts'

/**
 * What a host says of itself, read from the lines of `facts-script.ts`. Any bytes can be read: what is
 * not said, or not as the script says it, is null, which means that it was not seen.
 */
export interface HostFacts {
  /** It said all that it had to say. */
  isWhole: boolean
  sudo: 'needless' | 'granted' | 'asks' | 'refused' | 'missing' | null
  /** Whose eyes saw all of this; 0 is root. */
  uid: number | null
  /** As `uname -m` has it: x86_64, aarch64. */
  machine: string | null
  /** `[2, 36]` of glibc; null also for another C library. */
  glibc: readonly [major: number, minor: number] | null
  system: { id: string; like: readonly string[]; name: string; hasApt: boolean } | null
  /** `isInit`: it runs this host. */
  systemd: 'none' | { version: number; isInit: boolean } | null
  memory: { totalBytes: number; availableBytes: number } | null
  /** The root folder, or the nearest folder above it that there is. */
  place: { path: string; isFolder: boolean; isWritable: boolean } | null
  /** Room for all but root; null inodes: the file system counts none. */
  disk: { freeBytes: number; freeInodes: number | null } | null
  /** The file system that `place` is on. */
  mount: { type: string; options: readonly string[] } | null
  /** Something was deployed to the root folder. */
  isDeployed: boolean | null
  /** The pinned Node.js in the root folder. */
  node: 'absent' | 'unfit' | { ownerUid: number; mode: number; bytes: number } | null
  service: { isActive: boolean; mainPid: number | null } | null
  socket: { isActive: boolean; listens: readonly string[] } | null
  /** By the name that the port was asked under; a name that is missing was not looked at. */
  ports: ReadonlyMap<string, readonly Listener[]>
  /** By the number that the connection was asked under. */
  dials: ReadonlyMap<number, DialOutcome>
}

/** A socket that listens. */
export interface Listener {
  /** `0.0.0.0:8000`. */
  address: string
  /** Who has it open, `cgroups` as /proc has them; none where that cannot be seen. */
  processes: readonly { name: string; pid: number; cgroups: readonly string[] }[]
}

/**
 * `open`: connected. `closed`: the answer was no. `silent`: no answer in time. `unrouted`: no way
 * there. `unnamed`: the name leads nowhere from there. `failed`: it could not be tried.
 */
export const dialOutcomes = ['open', 'closed', 'silent', 'unrouted', 'unnamed', 'failed'] as const
export type DialOutcome = (typeof dialOutcomes)[number]

/** What a host is asked, as the lines that it reads. */
export interface HostQuestions {
  root: string
  /** Name of the node's units, without their kind. */
  unit: string
  nodeVersion: string
  ports: readonly { name: string; port: number }[]
  /** Numbered by their place in the list. */
  dials: readonly { host: string; port: number }[]
}

/** @throws RangeError for a value that would be two lines: none of nodes.yaml's can be */
export function formatQuestions({ root, unit, nodeVersion, ports, dials }: HostQuestions): string {
  const lines = [
    `root ${root}`,
    `unit ${unit}`,
    `node ${nodeVersion}`,
    ...ports.map(({ name, port }) => `port ${name} ${port}`),
    ...dials.map(({ host, port }, index) => `dial ${index} ${port} ${host}`),
    'end',
  ]
  if (lines.some((line) => /\p{Cc}/u.test(line))) throw new RangeError('a value is not one line')
  return `${lines.join('\n')}\n`
}

/** The host's own time in milliseconds since 1970; null for a line that tells none. */
export function parseClock(line: string): number | null {
  const [, seconds] = /^clock (\d{1,12}\.\d{1,9})$/.exec(line) ?? []
  return seconds === undefined ? null : Number(seconds) * 1000
}

/** Reads what a host said. Never throws. What stands before the beginning is not the script's. */
export function parseFacts(text: string): HostFacts {
  // A last line without its end may be half of one.
  const all = text.split('\n').slice(0, -1)
  const begin = all.indexOf(FACTS_BEGIN)
  const lines = begin === -1 ? [] : all.slice(begin + 1)
  const said = new Said(lines.map((line) => line.slice(0, LINE_CHARS_MAX)))
  return {
    isWhole: said.has(FACTS_END),
    sudo: oneOf(['needless', 'granted', 'asks', 'refused', 'missing'], said.value('sudo')),
    uid: whole(said.value('uid')),
    machine: said.value('machine'),
    glibc: parseGlibc(said.value('libc')),
    system: parseSystem(said),
    systemd: parseSystemd(said),
    memory: parseMemory(said),
    place: parsePlace(said),
    disk: parseDisk(said.value('disk')),
    mount: parseMount(said.value('mount')),
    isDeployed: yesOrNo(said.value('current')),
    node: parseNode(said.value('node')),
    service: parseService(said),
    socket: parseSocket(said),
    ports: parsePorts(said),
    dials: parseDials(said),
  }
}

/** Lines by their tags. */
class Said {
  readonly #lines: readonly string[]

  constructor(lines: readonly string[]) {
    this.#lines = lines
  }

  has(line: string): boolean {
    return this.#lines.includes(line)
  }

  /** What stands behind a tag, once a line. */
  values(tag: string): string[] {
    return this.#lines
      .filter((line) => line.startsWith(`${tag} `))
      .map((line) => line.slice(tag.length + 1))
  }

  /** Null also where a tag stands twice: then it is not known which is right. */
  value(tag: string): string | null {
    const [value, another] = this.values(tag)
    return another === undefined && value !== undefined && value.trim() !== '' ? value.trim() : null
  }
}

const whole = (text: string | null | undefined): number | null =>
  text !== null && text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null

const oneOf = <T extends string>(choices: readonly T[], text: string | null): T | null =>
  choices.find((choice) => choice === text) ?? null

const yesOrNo = (text: string | null): boolean | null => {
  const said = oneOf(['yes', 'no'], text)
  return said === null ? null : said === 'yes'
}

function parseGlibc(text: string | null): HostFacts['glibc'] {
  const [, major, minor] = /^glibc (\d{1,3})\.(\d{1,3})/.exec(text ?? '') ?? []
  return major === undefined || minor === undefined ? null : [Number(major), Number(minor)]
}

const unquoted = (text: string | null): string => (text ?? '').replaceAll(/["']/g, '')

function parseSystem(said: Said): HostFacts['system'] {
  const id = unquoted(said.value('os ID'))
  if (id === '') return null
  return {
    id,
    like: unquoted(said.value('os ID_LIKE')).split(' ').filter(Boolean),
    name: unquoted(said.value('os PRETTY_NAME')) || id,
    hasApt: said.has('apt'),
  }
}

function parseSystemd(said: Said): HostFacts['systemd'] {
  const first = said.value('systemd')
  if (first === 'none') return 'none'
  const [, version] = /^systemd (\d{1,5})\b/.exec(first ?? '') ?? []
  const init = oneOf(['systemd', 'other'], said.value('init'))
  return version === undefined || init === null
    ? null
    : { version: Number(version), isInit: init === 'systemd' }
}

function parseMemory(said: Said): HostFacts['memory'] {
  const total = whole(said.value('memory MemTotal:'))
  const available = whole(said.value('memory MemAvailable:'))
  return total === null || available === null
    ? null
    : { totalBytes: total * 1024, availableBytes: available * 1024 }
}

function parsePlace(said: Said): HostFacts['place'] {
  const path = said.value('place')
  const kind = oneOf(['folder', 'other'], said.value('place-kind'))
  const access = oneOf(['writable', 'refused'], said.value('place-access'))
  return path === null || kind === null || access === null
    ? null
    : { path, isFolder: kind === 'folder', isWritable: access === 'writable' }
}

/** `size avail inodes free-inodes` in KiB, `-` for what a file system does not count. */
function parseDisk(text: string | null): HostFacts['disk'] {
  const [, available, inodes, freeInodes] = (text ?? '').split(/ +/)
  const free = whole(available)
  if (free === null) return null
  if (inodes === '-' || inodes === '0') return { freeBytes: free * 1024, freeInodes: null }
  const left = whole(freeInodes)
  return left === null ? null : { freeBytes: free * 1024, freeInodes: left }
}

function parseMount(text: string | null): HostFacts['mount'] {
  const [type, options, ...more] = (text ?? '').split(' ')
  return type === undefined || options === undefined || more.length > 0
    ? null
    : { type, options: options.split(',') }
}

function parseNode(text: string | null): HostFacts['node'] {
  const found = oneOf(['absent', 'unfit'], text)
  if (found !== null) return found
  const [, uid, mode = '', bytes] = /^(\d{1,10}) ([0-7]{3,4}) (\d{1,15})$/.exec(text ?? '') ?? []
  const [ownerUid, size] = [whole(uid), whole(bytes)]
  return ownerUid === null || size === null
    ? null
    : { ownerUid, mode: Number.parseInt(mode, 8), bytes: size }
}

function parseService(said: Said): HostFacts['service'] {
  const properties = propertiesOf(said.values('service'))
  const state = properties.get('ActiveState')
  if (state === undefined) return null
  const pid = whole(properties.get('MainPID'))
  return { isActive: state === 'active', mainPid: pid === 0 ? null : pid }
}

function parseSocket(said: Said): HostFacts['socket'] {
  const lines = said.values('socket')
  const state = propertiesOf(lines).get('ActiveState')
  if (state === undefined) return null
  // A socket unit has a line for each of its sockets.
  const listens = lines.flatMap((line) => {
    const [, address] = /^Listen=(\S+) \(Stream\)$/.exec(line) ?? []
    return address === undefined ? [] : [address]
  })
  return { isActive: state === 'active', listens }
}

const propertiesOf = (lines: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    lines.flatMap((line) => {
      const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? []
      return key === undefined || value === undefined ? [] : [[key, value] as const]
    }),
  )

function parsePorts(said: Said): HostFacts['ports'] {
  // Listeners stand behind their port, so a host that was cut short may have more of them.
  if (!said.has(FACTS_END)) return new Map()
  return new Map(
    said.values('port').flatMap((name) => {
      const listeners = said.values(`listen ${name}`).map(parseListener)
      const known = listeners.filter((listener) => listener !== null)
      return known.length < listeners.length
        ? []
        : [[name, known.map((listener) => withCgroups(listener, said.values(`cgroup ${name}`)))]]
    }),
  )
}

const withCgroups = (
  { address, processes }: ReturnType<typeof parseListener> & {},
  lines: readonly string[],
): Listener => ({
  address,
  processes: processes.map((process) => ({
    ...process,
    cgroups: lines.flatMap((line) =>
      line.startsWith(`${process.pid} `) ? [line.slice(`${process.pid} `.length)] : [],
    ),
  })),
})

/** `LISTEN 0 511 0.0.0.0:8000 0.0.0.0:* users:(("node",pid=12,fd=19))`, as `ss -Hltnp` has it. */
export function parseListener(
  line: string,
): { address: string; processes: { name: string; pid: number }[] } | null {
  const [state, , , address] = line.trim().split(/ +/)
  if (state !== 'LISTEN' || address === undefined) return null
  const found = line.matchAll(/\("(.*?)",pid=(\d{1,10}),fd=\d+\)/g)
  const processes = new Map(
    [...found].map(([, name = '', pid]) => [Number(pid), { name, pid: Number(pid) }]),
  )
  return { address, processes: [...processes.values()] }
}

const parseDials = (said: Said): HostFacts['dials'] =>
  new Map(
    said.values('dial').flatMap((line) => {
      const [index, given = '', ...more] = line.split(' ')
      const [number, outcome] = [whole(index), oneOf(dialOutcomes, given)]
      return number === null || outcome === null || more.length > 0
        ? []
        : [[number, outcome] as const]
    }),
  )
