import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { OperatorError } from '../../src/ops/errors.ts'
import { makeCgroup, processesIn } from './cgroup.ts'
import { BOOT_MS_MAX, KILL_MS_MAX } from './limits.ts'
import type { HostPlace } from './place.ts'
import { attempt } from './shell.ts'

const CONSOLE_LINES = 20
const LOOK_MS = 25

/** What systemd-nspawn ends with when the host asked for a reboot. */
const REBOOT_CODE = 133

/**
 * Enters the control group in $1, boots in the one below it in $2, and again when the host reboots
 * itself. The first words of both are the files that a process writes its id into. Lets go of all hosts'
 * disks but the root in $3, in a mount namespace of its own: a container keeps what was mounted when it
 * began, out of sight, and a disk that it keeps stays in use when its own host is off.
 */
const keepBooting = `
enter() { for file in $1; do sh -c 'echo $PPID' > "$file"; done; }
above=$1 below=$2 root=$3
shift 3
enter "$above"
while read -r _ _ _ _ path _; do
  case $path in
    "$root") ;;
    */hosts/*/root | */hosts/*/disk) umount "$path" ;;
  esac
done < /proc/self/mountinfo
while :; do
  (enter "$below"; exec "$@")
  [ $? -eq ${REBOOT_CODE} ] || break
done`

/** Boots what lies at the host's root, and returns at once. It outlives the process that starts it. */
export async function start(name: string, place: HostPlace): Promise<void> {
  const above = await makeCgroup(place.cgroup)
  const below = await makeCgroup(`${place.cgroup}/machine`)
  const output = openSync(place.console, 'a')
  const nspawn = [
    'systemd-nspawn',
    '--quiet',
    '--boot',
    `--directory=${place.root}`,
    `--machine=${place.namespace}`,
    `--hostname=${name}`,
    `--network-namespace-path=/run/netns/${place.namespace}`,
    // For the host's own firewall.
    '--capability=CAP_NET_ADMIN',
    '--register=no',
    '--keep-unit',
    '--console=pipe',
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
  ]
  const script = [keepBooting, 'boot', above.join(' '), below.join(' '), place.root]
  const apart = ['--mount', '--propagation', 'private', '--', 'sh', '-c']
  const child = spawn('unshare', [...apart, ...script, ...nspawn], {
    detached: true,
    stdio: ['ignore', output, output],
    env: { PATH: process.env['PATH'], SYSTEMD_NSPAWN_LOCK: '0' },
  })
  closeSync(output)
  child.unref()
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  await until(
    `${name} starts`,
    async () => child.exitCode !== null || (await isRunning(place)),
    KILL_MS_MAX,
  )
}

export const isRunning = async ({ cgroup }: HostPlace): Promise<boolean> =>
  (await processesIn(cgroup)).length > 0

/** The host's first process, by its id on this machine; null when the host is off. */
export async function leaderOf({ cgroup }: HostPlace): Promise<number | null> {
  for (const id of await processesIn(cgroup)) {
    const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '')
    const ids = /^NSpid:\t(.*)$/m.exec(status)?.[1]?.split('\t') ?? []
    if (ids.length > 1 && ids.at(-1) === '1') return id
  }
  return null
}

/** Waits for systemd to say that it is done; returns the units that failed. */
export async function untilUp(name: string, place: HostPlace): Promise<string[]> {
  let state = ''
  await until(
    `${name} is up`,
    async () => {
      const leader = await leaderOf(place)
      if (leader === null && !(await isRunning(place))) {
        const console = await readFile(place.console, 'utf8').catch(() => '')
        throw new OperatorError('LAB_HOST_DIED', `${name} ended while it booted`, {
          hint: console.split('\n').slice(-CONSOLE_LINES).join('\n'),
        })
      }
      if (leader === null) return false
      const asked = await attempt({
        timeout: BOOT_MS_MAX,
      })`nsenter --target ${leader} --all systemctl is-system-running --wait`
      state = asked.stdout.trim()
      return state === 'running' || state === 'degraded'
    },
    BOOT_MS_MAX,
  )
  if (state === 'running') return []
  const leader = await leaderOf(place)
  const failed =
    await attempt`nsenter --target ${leader ?? 0} --all systemctl list-units --failed --plain --no-legend`
  return failed.stdout.split('\n').flatMap((line) => line.split(' ')[0] || [])
}

/** Ends every process of the group at once. */
export async function kill(cgroup: string): Promise<void> {
  await until(
    `all of ${cgroup} end`,
    async () => {
      const left = await processesIn(cgroup)
      left.forEach(end)
      return left.length === 0
    },
    KILL_MS_MAX,
  )
}

function end(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Looks again and again; throws when it has not come to be after `timeoutMs`. */
export async function until(
  what: string,
  look: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!(await look())) {
    if (performance.now() > deadlineMs) throw new Error(`not after ${timeoutMs} ms: ${what}`)
    await sleep(LOOK_MS)
  }
}
