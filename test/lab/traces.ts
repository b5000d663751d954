import { existsSync, globSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { OperatorError } from '../../src/ops/errors.ts'
import { cgroupExists, processesIn, removeCgroup } from './cgroup.ts'
import { kill } from './container.ts'
import type { Place } from './place.ts'
import { mountsBelow, unmountAll } from './root.ts'
import { linesOf, run } from './shell.ts'

/** Everything of the lab that is on this machine, one line each; empty when nothing is. */
export async function tracesOf(place: Place): Promise<string[]> {
  const { directory, bridge, cgroup } = place
  const [processes, mounts, loops, namespaces, links] = await Promise.all([
    processesIn(cgroup),
    mountsBelow(directory),
    loopsOf(place),
    namespacesOf(place),
    linksOf(place),
  ])
  return [
    ...processes.map((id) => `process ${id}`),
    ...mounts.map((path) => `mount ${path}`),
    ...loops.map((device) => `loop device ${device}`),
    ...namespaces.map((name) => `network namespace ${name}`),
    ...links.map((name) => `${name === bridge ? 'bridge' : 'cable'} ${name}`),
    ...leftoversOf(place).map((path) => `directory ${path}`),
    ...(cgroupExists(cgroup) ? [`control group ${cgroup}`] : []),
    ...(existsSync(directory) ? [`directory ${directory}`] : []),
  ]
}

/** Takes away everything, whoever made it and however far it came; throws when something stays. */
export async function removeTraces(place: Place): Promise<void> {
  await kill(place.cgroup)
  await unmountAll(await mountsBelow(place.directory))
  for (const device of await loopsOf(place))
    await run({ nothrow: true })`losetup --detach ${device}`
  for (const name of await namespacesOf(place)) await run`ip netns del ${name}`
  for (const name of await linksOf(place)) await run({ nothrow: true })`ip link del ${name}`
  for (const path of leftoversOf(place)) await rm(path, { recursive: true, force: true })
  await removeCgroup(place.cgroup)
  await rm(place.directory, { recursive: true, force: true })

  const left = await tracesOf(place)
  if (left.length === 0) return
  throw new OperatorError('LAB_LEFT_TRACES', `the lab is not gone: ${left.join(', ')}`, {
    hint: 'end what uses them, then take it down again',
  })
}

async function loopsOf({ directory }: Place): Promise<string[]> {
  const lines = linesOf(await run`losetup --noheadings --raw --output NAME,BACK-FILE`)
  return lines.flatMap((line) => {
    const [device, file] = line.split(' ')
    return device !== undefined && file?.startsWith(`${directory}/`) ? [device] : []
  })
}

async function namespacesOf({ id }: Place): Promise<string[]> {
  const names = await readdir('/run/netns').catch(() => [])
  return names.filter((name) => name.startsWith(`aethel-lab-${id}-`))
}

/** What systemd-nspawn keeps of a host while it runs, and leaves when it is killed. */
const leftoversOf = ({ id }: Place): string[] =>
  globSync(`/run/systemd/nspawn/*/aethel-lab-${id}-*`)

async function linksOf({ bridge }: Place): Promise<string[]> {
  const links = await readdir('/sys/class/net')
  return links.filter((name) => name.startsWith(bridge))
}
