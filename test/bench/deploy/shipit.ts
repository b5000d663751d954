import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender, Taken } from './contender.ts'
import type { Grounds, Release } from './goods.ts'
import type { Operator } from './operator.ts'
import { copyFiles, makeUserAndData } from './rsync.ts'

const PEER = join(import.meta.dirname, '../peers/shipit')

/**
 * shipit with shipit-deploy: a new release folder on all hosts, a link that is switched, a restart of all
 * at once. What it does not do (the user, Node.js, settings, units) comes before its first deploy, by
 * rsync. It cannot tell that nothing changed: a second deploy makes another release. Nothing is proven.
 */
export function shipit(
  directory: string,
  grounds: Grounds,
  trees: ReadonlyMap<string, string>,
): Contender {
  const { contender, root, nodes } = grounds
  const workspace = join(directory, contender, 'workspace')
  let isPrepared = false

  const act = async (operator: Operator, task: string): Promise<Taken> => {
    const environment = {
      BENCH_WORKSPACE: workspace,
      BENCH_ROOT: root,
      BENCH_SERVERS: nodes.map(({ host }) => `root@${host}`).join(','),
      BENCH_UNITS: `aethel-lattice-${contender}*.service`,
    }
    const argv = ['--shipitfile', join(PEER, 'shipitfile.cjs'), 'lab', task]
    const program = join(PEER, 'node_modules/.bin/shipit')
    const { ms } = await operator.run([process.execPath, program, ...argv], { environment })
    return { ms, proving: null }
  }
  const deploy = async (operator: Operator, release: Release): Promise<Taken> => {
    await commit(operator, workspace, release)
    const startedMs = performance.now()
    if (!isPrepared) {
      await makeUserAndData(operator, grounds)
      await copyFiles(operator, grounds, trees, `${root}/shared`)
      const command = 'systemctl daemon-reload && systemctl enable --quiet'
      await Promise.all(
        nodes.map(async ({ host, unit }) =>
          operator.run([
            'ssh',
            host,
            `${command} --now ${unit}.socket && ${command} ${unit}.service`,
          ]),
        ),
      )
      isPrepared = true
    }
    const preparingMs = performance.now() - startedMs
    const { ms } = await act(operator, 'deploy')
    return { ms: preparingMs + ms, proving: null }
  }
  return {
    name: 'shipit',
    deploy,
    rollBack: async (operator) => act(operator, 'rollback'),
    beginAnew: () => (isPrepared = false),
  }
}

/** It takes what it deploys from a git repository; the release is made one, in a folder to copy. */
async function commit(operator: Operator, workspace: string, release: Release): Promise<void> {
  rmSync(join(workspace, 'files'), { recursive: true, force: true })
  mkdirSync(join(workspace, 'files'), { recursive: true })
  cpSync(release.directory, join(workspace, 'files/release'), { recursive: true })
  const git = async (...args: string[]): Promise<unknown> =>
    operator.run(['git', '-c', 'user.name=bench', '-c', 'user.email=bench@localhost', ...args], {
      cwd: workspace,
    })
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '--allow-empty', '--message', release.id)
}
