import { globSync } from 'node:fs'

/** Programs that work with absolute timers, which libfaketime takes for the wall clock's. */
const spared = ['sshd', 'systemctl', 'systemd-run', 'journalctl']

/**
 * The command that sets the clock of the host whose root is `root`, as its processes see it. Hosts share this machine's kernel and thereby its
 * clock, so the C library is told another time: for units that start from now on, for SSH sessions and
 * for what sudo runs there. systemd's own timers and statically linked programs keep the right time, and
 * the host has it again after a reboot.
 */
export function clockCommand(root: string, offsetMs: number): string[] {
  const library = globSync('usr/lib/*/faketime/libfaketimeMT.so.1', { cwd: root })[0]
  if (library === undefined) throw new Error(`no libfaketime in ${root}`)
  const variables = [
    `LD_PRELOAD=/${library}`,
    `FAKETIME=${offsetMs < 0 ? '' : '+'}${offsetMs / 1000}s`,
    'FAKETIME_DONT_FAKE_MONOTONIC=1',
    'FAKETIME_DISABLE_SHM=1',
    `FAKETIME_SKIP_CMDS=${spared.join(',')}`,
  ]
  return ['sh', '-e', '-c', script, 'clock', ...variables]
}

/**
 * The files that name it stay; what they name goes with /run. sshd is restarted, not reloaded: systemd
 * does not wait for a reload, in which sshd closes its socket before it opens it again. Sessions go on.
 */
const script = `
mkdir -p /run/clock
echo "SetEnv $*" > /run/clock/sshd.conf
printf '%s\\n' "$@" > /run/clock/environment
echo 'Include /run/clock/sshd.conf' > /etc/ssh/sshd_config.d/clock.conf
echo 'Defaults env_file=/run/clock/environment' > /etc/sudoers.d/clock
systemctl set-environment "$@"
systemctl reset-failed ssh
systemctl restart ssh`
