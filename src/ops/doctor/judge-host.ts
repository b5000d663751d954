import type { Finding } from './diagnosis.ts'
import type { ClockSample, LocalEvidence } from './evidence.ts'
import type { HostFacts } from './facts.ts'
import { fail, pass, size, unknown, warn } from './findings.ts'
import * as limits from './limits.ts'

/** What a host is: may we act on it, does it fit, has it room. What was not said is UNKNOWN. */

const NOT_SAID = 'the host did not say'

export function judgeSudo({ sudo, uid }: HostFacts, user: string): Finding {
  switch (sudo) {
    case 'needless':
      return pass('sudo', 'logs in as root, needs none')
    case 'granted':
      return uid === 0
        ? pass('sudo', `${user} may use it, without a password`)
        : unknown('sudo', 'sudo was granted, and did not make root')
    case 'asks':
      return unknown(
        'sudo',
        `sudo asks ${user} for a password, so it was not tried`,
        `deploy asks for it; to see all before, let ${user} use sudo without one: a line "${user} ALL=(ALL) NOPASSWD: ALL" with visudo; or log in as root`,
      )
    case 'refused':
      return fail('sudo', `${user} may not use sudo`, sudoHint(user))
    case 'missing':
      return fail('sudo', `there is no sudo, and ${user} is not root`, sudoHint(user))
    case null:
      return unknown('sudo', NOT_SAID)
  }
}

const sudoHint = (user: string): string =>
  `as root on the host: apt-get install sudo, then a line "${user} ALL=(ALL) NOPASSWD: ALL" with visudo; or log in as root (ssh.user in nodes.yaml)`

const MACHINES: Readonly<Record<string, string>> = { x86_64: 'x64', aarch64: 'arm64' }

export function judgeSystem({ system, systemd, machine, glibc }: HostFacts): Finding {
  if (systemd === 'none') {
    return fail('system', 'there is no systemd', 'nodes run under systemd: use Debian 12 or newer')
  }
  if (systemd !== null && !systemd.isInit) {
    return fail('system', 'systemd does not run this host', 'a container? Use a host that it runs')
  }
  if (systemd !== null && systemd.version < limits.SYSTEMD_MIN) {
    return fail(
      'system',
      `systemd ${systemd.version} is older than ${limits.SYSTEMD_MIN}`,
      'upgrade the host: Debian 12 or newer',
    )
  }
  if (machine !== null && MACHINES[machine] === undefined) {
    return fail('system', `there is no Node.js for ${machine}`, 'use an x86-64 or an ARM64 host')
  }
  if (glibc !== null && isOlder(glibc, limits.GLIBC_MIN)) {
    return fail(
      'system',
      `its C library, ${glibc.join('.')}, is older than ${limits.GLIBC_MIN.join('.')}`,
      'upgrade the host: Debian 12 or newer',
    )
  }
  if (system === null || systemd === null || machine === null || glibc === null) {
    const unseen = Object.entries({ system, systemd, machine, glibc })
      .filter(([, value]) => value === null)
      .map(([name]) => name)
    return unknown('system', `${NOT_SAID} what it is: ${unseen.join(', ')}`)
  }
  const shown = `${system.name}, systemd ${systemd.version}, ${machine}`
  const isDebian = [system.id, ...system.like].includes('debian') && system.hasApt
  return isDebian
    ? pass('system', shown)
    : warn('system', `${shown}: not made from Debian`, 'deploys are tested on Debian only')
}

const isOlder = ([a, b]: readonly [number, number], [x, y]: readonly [number, number]): boolean =>
  a < x || (a === x && b < y)

/** Since Linux 6.15, ext4 stays `rw` after an error and says this beside it. */
const READ_ONLY: readonly string[] = ['ro', 'emergency_ro', 'shutdown']

export function judgeDisk({ place, mount, disk, uid }: HostFacts, root: string): Finding {
  if (place === null || mount === null || disk === null) return unknown('disk', NOT_SAID)
  const { path, isFolder, isWritable } = place
  if (!isFolder) {
    return fail('disk', `${path} is no folder`, `move it away, or name another root than ${root}`)
  }
  const readOnly = mount.options.find((option) => READ_ONLY.includes(option))
  if (readOnly !== undefined) {
    return fail(
      'disk',
      `${path} is on a read-only file system (${readOnly})`,
      'see "dmesg" for why (a failing disk?), then mount it to be written',
    )
  }
  if (mount.options.includes('noexec')) {
    return fail(
      'disk',
      `nothing can be run from ${path}: it is mounted noexec`,
      'name another root in nodes.yaml, or mount it without noexec',
    )
  }
  const short = judgeRoom(disk, path)
  if (short !== null && short.mark === 'FAIL') return short
  if (uid !== 0) return unknown('disk', 'only root can tell whether it may be written to')
  if (!isWritable) {
    return fail('disk', `${path} cannot be written to, even by root`, 'see lsattr and the mount')
  }
  return short ?? pass('disk', roomInWords(disk, path))
}

interface Room {
  freeBytes: number
  freeInodes: number | null
}

const roomInWords = ({ freeBytes, freeInodes }: Room, path: string): string =>
  `${size(freeBytes)}${freeInodes === null ? '' : ` and ${freeInodes} files`} free in ${path}`

const ROOM_HINT = 'make room, or name a root on another disk; du -xhd1 / shows what is large'

/** Null: there is room. */
function judgeRoom(room: Room, path: string): Finding | null {
  const { freeBytes, freeInodes } = room
  const files = freeInodes ?? Number.POSITIVE_INFINITY
  const finding = `only ${roomInWords(room, path)}`
  if (freeBytes < limits.DISK_BYTES_MIN || files < limits.INODES_MIN) {
    return fail('disk', finding, ROOM_HINT)
  }
  return freeBytes < limits.DISK_BYTES_EASY || files < limits.INODES_EASY
    ? warn('disk', finding, ROOM_HINT)
    : null
}

export function judgeLocalDisk({ disk }: LocalEvidence): Finding {
  if (!disk.isWritable) {
    return fail('disk', `${disk.path} cannot be written to`, 'check its owner and the mount')
  }
  return judgeRoom(disk, disk.path) ?? pass('disk', roomInWords(disk, disk.path))
}

export function judgeMemory(memory: HostFacts['memory']): Finding {
  if (memory === null) return unknown('memory', NOT_SAID)
  const { totalBytes, availableBytes } = memory
  const finding = `${size(availableBytes)} of ${size(totalBytes)} available`
  const hint = 'stop what is not needed there, or use a larger host'
  if (availableBytes < limits.MEMORY_BYTES_MIN) return fail('memory', `only ${finding}`, hint)
  if (availableBytes < limits.MEMORY_BYTES_EASY) return warn('memory', `only ${finding}`, hint)
  return pass('memory', finding)
}

/** An offset is known to within half a round trip: what is off for certain fails. */
export function judgeClock(samples: readonly ClockSample[]): Finding {
  const [best] = samples.toSorted((a, b) => a.rttMs - b.rttMs)
  if (best === undefined) return unknown('clock', 'the host did not tell its time')
  const [off, doubt] = [Math.abs(best.offsetMs), best.rttMs / 2]
  const direction = best.offsetMs < 0 ? 'behind' : 'ahead of'
  const shown = `${timeInWords(off)} ${direction} this machine’s (± ${timeInWords(doubt)})`
  const hint =
    'let NTP run on the host (apt-get install systemd-timesyncd), and see that this machine’s clock is right'
  if (off - doubt > limits.CLOCK_OFFSET_MS_MAX) return fail('clock', shown, hint)
  if (off + doubt > limits.CLOCK_OFFSET_MS_MAX) {
    return unknown('clock', `may be ${shown}: the way there is too slow to tell`, hint)
  }
  return pass('clock', shown)
}

const timeInWords = (ms: number): string =>
  ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`

export function judgeNode({ node }: HostFacts, version: string): Finding {
  if (node === null) return unknown('node', NOT_SAID)
  if (node === 'absent') return pass('node', `deploy brings Node.js ${version}`)
  if (node === 'unfit') {
    return warn(
      'node',
      `Node.js ${version} is there and cannot be run`,
      'deploy brings it anew; see who changed it',
    )
  }
  if (node.ownerUid !== 0 || (node.mode & 0o022) !== 0) {
    return warn(
      'node',
      `others than root can change the Node.js ${version} that is there`,
      'deploy brings it anew; see who changed its owner or mode',
    )
  }
  return pass('node', `Node.js ${version} is there`)
}
