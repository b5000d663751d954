import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { OperatorError } from '../../src/ops/errors.ts'
import { mountsBelow, unmountAll } from './root.ts'
import { linesOf, run } from './shell.ts'

/**
 * The Debian that every host begins with. It is made once for each recipe and then only read: hosts
 * write on disks of their own.
 */
const SUITE = 'bookworm'

/** What a small server has. Nothing here may be what a deployment ought to bring. */
const packages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'libpam-systemd',
  'iproute2',
  'nftables',
  'sudo',
  'ca-certificates',
  'curl',
  'procps',
  'caddy',
  'libfaketime',
  // Node.js needs it. Where it lacks, a deployment installs it, which hosts without a mirror cannot.
  'libatomic1',
]

/** What a host in a container never needs, and what would work behind a test's back. */
const masked = [
  'console-getty.service',
  'getty@tty1.service',
  'getty.target',
  'e2scrub_reap.service',
  'systemd-pstore.service',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'fstrim.timer',
]

/** `operator` may do everything with sudo; `asker` too, after the password. */
const sudoers = `operator ALL=(ALL:ALL) NOPASSWD: ALL
asker ALL=(ALL:ALL) PASSWD: ALL
`

/** The last line spares each first boot the work that systemd does after an upgrade. */
const finish = `
useradd --create-home --shell /bin/bash --gid operator operator
useradd --create-home --shell /bin/bash asker
rm -f /etc/ssh/ssh_host_* /etc/machine-id /etc/resolv.conf
systemctl disable caddy.service
systemctl mask ${masked.join(' ')}
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/*
touch /etc/.updated /var/.updated
`

export const cacheDirectory = (): string =>
  process.env['AETHEL_LAB_CACHE'] ?? join(homedir(), '.cache/aethel-lattice/lab')

/**
 * The base tree with these packages more, made if the cache lacks it. What a killed run left half-made
 * is never taken for a tree: a tree gets its name last.
 */
export async function baseTree(
  extraPackages: readonly string[],
  say: (line: string) => void,
): Promise<string> {
  const wanted = [...packages, ...extraPackages].toSorted().join(',')
  const recipe = JSON.stringify([SUITE, wanted, sudoers, finish])
  const digest = createHash('sha256').update(recipe).digest('hex').slice(0, 16)
  const tree = join(cacheDirectory(), digest)
  if (existsSync(tree)) return tree

  say(`makes the base tree (${SUITE}, once; some two minutes)`)
  const half = `${tree}.${process.pid}`
  await mkdir(dirname(half), { recursive: true })
  await removeAbandonedHalves(dirname(half))
  try {
    const mirror = await mirrorOf(SUITE)
    await run`debootstrap --variant=minbase --include=${wanted} ${SUITE} ${half} ${mirror}`
    await writeFile(join(half, 'etc/sudoers.d/lab'), sudoers, { mode: 0o440 })
    await run({ input: finish })`chroot ${half} sh -e`
    await rename(half, tree).catch((error: unknown) => {
      // Another lab made the same tree meanwhile.
      if (!existsSync(tree)) throw error
    })
  } finally {
    await removeHalf(half)
  }
  return tree
}

/** A half-made tree carries the id of the process that makes it; those of ended ones go. */
export async function removeAbandonedHalves(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const makerId = /^[0-9a-f]{16}\.(\d+)$/.exec(name)?.[1]
    if (makerId === undefined || existsSync(`/proc/${makerId}`)) continue
    await removeHalf(join(directory, name))
  }
}

/** debootstrap mounts proc in it, which must not be removed along. */
async function removeHalf(half: string): Promise<void> {
  await unmountAll(await mountsBelow(half))
  await rm(half, { recursive: true, force: true })
}

/** Where this machine's own apt takes the suite from. */
async function mirrorOf(suite: string): Promise<string> {
  const targets = linesOf(
    await run`apt-get indextargets --format ${'$(SITE) $(RELEASE) $(COMPONENT)'} ${'Created-By: Packages'}`,
  ).map((line) => line.split(' '))
  const site = targets.find(([, release, part]) => release === suite && part === 'main')?.[0]
  if (site !== undefined) return site
  const own = /^VERSION_CODENAME=(.*)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1]
  const ownSite = targets.find(([, release, part]) => release === own && part === 'main')?.[0]
  if (ownSite !== undefined) return ownSite
  throw new OperatorError('LAB_NEEDS_MIRROR', `apt has no source for Debian's ${suite}`, {
    hint: 'add one to /etc/apt/sources.list',
  })
}
