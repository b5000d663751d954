import { randomBytes } from 'node:crypto'
import { chmod, chown, copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SmallDisk } from '../cluster/small-disk.ts'
import { until } from './container.ts'
import { DISK_MEBIBYTES, KILL_MS_MAX } from './limits.ts'
import type { HostPlace, LabFiles } from './place.ts'
import { attempt, run } from './shell.ts'

/** What makes a bare Debian this host. */
export interface Seed {
  name: string
  baseTree: string
  files: LabFiles
  /** Address and name of every host of the lab. */
  hostsFile: string
}

/** Makes the host's disk and what a provider gives with a new machine: a name, keys, users' access. */
export async function makeRoot(place: HostPlace, seed: Seed): Promise<void> {
  SmallDisk.make(place.disk, DISK_MEBIBYTES)
  await mkdir(join(place.disk, 'upper'))
  await mkdir(join(place.disk, 'work'))
  await chmod(join(place.disk, 'upper'), 0o755)
  await mkdir(place.root, { recursive: true })
  await mountRoot(place, seed.baseTree)
  const { root } = place
  await writeFile(join(root, 'etc/hostname'), `${seed.name}\n`)
  await writeFile(join(root, 'etc/hosts'), seed.hostsFile)
  await writeFile(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`)
  await writeFile(join(root, 'etc/resolv.conf'), '')
  for (const type of ['ed25519', 'ecdsa']) {
    const file = `ssh_host_${type}_key`
    for (const [name, mode] of [
      [file, 0o600],
      [`${file}.pub`, 0o644],
    ] as const) {
      await copyFile(join(place.directory, 'keys', name), join(root, 'etc/ssh', name))
      await chmod(join(root, 'etc/ssh', name), mode)
    }
  }
  for (const home of ['root', 'home/operator', 'home/asker']) {
    await authorize(join(root, home), `${seed.files.identity}.pub`)
  }
  const password = (await readFile(seed.files.sudoPassword, 'utf8')).trim()
  await run({ input: `asker:${password}\n` })`chpasswd --root ${root}`
  // A plug that is pulled right after the first boot takes none of this along.
  await run`sync --file-system ${place.disk}`
}

async function authorize(home: string, publicKey: string): Promise<void> {
  const { uid, gid } = await stat(home)
  const ssh = join(home, '.ssh')
  const keys = join(ssh, 'authorized_keys')
  await mkdir(ssh, { recursive: true })
  await copyFile(publicKey, keys)
  for (const [path, mode] of [
    [ssh, 0o700],
    [keys, 0o600],
  ] as const) {
    await chmod(path, mode)
    await chown(path, uid, gid)
  }
}

export async function mountRoot({ disk, root }: HostPlace, baseTree: string): Promise<void> {
  const layers = `lowerdir=${baseTree},upperdir=${disk}/upper,workdir=${disk}/work`
  await run`mount -t overlay -o ${layers} overlay ${root}`
}

/** The host must be off. Mounts of ended processes go a moment after them. */
export async function unmountAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await until(
      `${path} is unmounted`,
      async () => {
        const unmounted = await attempt`umount ${path}`
        return unmounted.exitCode === 0 || !(await mountsBelow(path)).includes(path)
      },
      KILL_MS_MAX,
    )
  }
}

/** Mount points at `directory` and below, the innermost first. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return lines
    .flatMap((line) => line.split(' ')[4] ?? [])
    .filter((path) => path === directory || path.startsWith(`${directory}/`))
    .toReversed()
}

export async function removeRoot(place: HostPlace): Promise<void> {
  await unmountAll([place.root, place.disk])
  await rm(`${place.disk}.ext4`, { force: true })
}
