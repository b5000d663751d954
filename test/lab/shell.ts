import { $, type ProcessOutput } from 'zx'
import { OperatorError } from '../../src/ops/errors.ts'

/** Runs a command of this machine and returns what it printed; throws with what it complained of. */
export const run = $({ quiet: true })

/** The same, for commands that may fail. */
export const attempt = $({ quiet: true, nothrow: true })

/** Debian's package of each program that the lab runs. */
const programs: Readonly<Record<string, string>> = {
  debootstrap: 'debootstrap',
  'systemd-nspawn': 'systemd-container',
  ip: 'iproute2',
  nft: 'nftables',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  'mkfs.ext4': 'e2fsprogs',
  nsenter: 'util-linux',
  chpasswd: 'passwd',
  perl: 'perl-base',
}

/** Refuses to begin what could only fail half-way. */
export async function requireRootAndPrograms(): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new OperatorError(
      'LAB_NEEDS_ROOT',
      'the lab needs root: it mounts disks, makes network namespaces and boots hosts',
      { hint: 'run it as root' },
    )
  }
  const found = await Promise.all(
    Object.entries(programs).map(async ([program, packageName]) => {
      const { exitCode } = await attempt`command -v ${program}`
      return exitCode === 0 ? [] : [packageName]
    }),
  )
  const missing = [...new Set(found.flat())]
  if (missing.length === 0) return
  throw new OperatorError('LAB_NEEDS_PACKAGES', `the lab lacks ${missing.join(', ')}`, {
    hint: `apt-get install ${missing.join(' ')}`,
  })
}

export const linesOf = ({ stdout }: ProcessOutput): string[] =>
  stdout.split('\n').filter((line) => line !== '')
