import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender, Taken } from './contender.ts'
import { placeRelease, pinnedVersion, type Grounds, type Release } from './goods.ts'
import type { Operator } from './operator.ts'

const PLAYBOOK = join(import.meta.dirname, 'playbook.yml')

/**
 * Ansible with a playbook for the same: user, folders, Node.js, release, settings, units, a restart when
 * something changed, one host after the other. Tuned as its manual says: pipelining, one connection kept
 * open through the run, no facts gathered, files by rsync. Nothing is proven.
 */
export function ansible(
  directory: string,
  grounds: Grounds,
  trees: ReadonlyMap<string, string>,
): Contender {
  const { root, nodes } = grounds
  const at = join(directory, 'ansible')
  const controlPaths = join(at, 'control')
  mkdirSync(controlPaths, { recursive: true })
  writeFileSync(join(at, 'ansible.cfg'), settings(controlPaths))
  const hosts = nodes.map(
    ({ host, unit }) => `${host} unit=${unit} tree=${trees.get(host)} root=${root}\n`,
  )
  writeFileSync(
    join(at, 'inventory'),
    `${hosts.join('')}\n[all:vars]\nansible_user=root\nansible_python_interpreter=/usr/bin/python3\n`,
  )

  const deploy = async (operator: Operator, release: Release): Promise<Taken> => {
    placeRelease(trees.values(), grounds, release)
    const environment = { ANSIBLE_CONFIG: join(at, 'ansible.cfg') }
    const version = `node_version=${await pinnedVersion()}`
    const { ms } = await operator.run(
      ['ansible-playbook', '-i', join(at, 'inventory'), '-e', version, PLAYBOOK],
      { cwd: at, environment },
    )
    // Whoever deploys next comes an hour later, not within the minute that connections are kept.
    for (const { host } of nodes) {
      await operator.run(['ssh', '-o', `ControlPath=${controlPaths}/${host}`, '-O', 'exit', host])
    }
    return { ms, proving: null }
  }
  return { name: 'ansible', deploy, rollBack: deploy, beginAnew: () => {} }
}

const settings = (controlPaths: string): string => `[defaults]
gathering = explicit
retry_files_enabled = False
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s
control_path_dir = ${controlPaths}
control_path = %(directory)s/%%h
`
