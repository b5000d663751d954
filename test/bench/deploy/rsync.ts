import type { Contender, Taken } from './contender.ts'
import { placeRelease, type Grounds, type Release } from './goods.ts'
import type { Operator } from './operator.ts'

/**
 * The floor: `rsync -a` of all files to all hosts at once, then `systemctl restart` over ssh, one host
 * after the other, so that one node is up. Nothing is looked at, kept or proven.
 */
export function rsync(grounds: Grounds, trees: ReadonlyMap<string, string>): Contender {
  const { root, nodes } = grounds
  let isPrepared = false

  const deploy = async (operator: Operator, release: Release): Promise<Taken> => {
    placeRelease(trees.values(), grounds, release)
    const startedMs = performance.now()
    if (!isPrepared) await makeUserAndData(operator, grounds)
    await copyFiles(operator, grounds, trees, root)
    for (const { host, unit } of nodes) {
      await operator.run(['ssh', host, isPrepared ? `systemctl restart ${unit}` : firstStart(unit)])
    }
    isPrepared = true
    return { ms: performance.now() - startedMs, proving: null }
  }
  return { name: 'rsync', deploy, rollBack: deploy, beginAnew: () => (isPrepared = false) }
}

export async function makeUserAndData(operator: Operator, { root, nodes }: Grounds): Promise<void> {
  const user = 'useradd --system --user-group --no-create-home aethel-lattice'
  const data = `install -d ${root}/shared && install -d -o aethel-lattice -g aethel-lattice -m 700 ${root}/shared/data`
  const command = `id aethel-lattice >/dev/null 2>&1 || ${user}; ${data}`
  await Promise.all(nodes.map(async ({ host }) => operator.run(['ssh', host, command])))
}

/** Copies what lies in `folder`, and the units, to the same places on all hosts. */
export async function copyFiles(
  operator: Operator,
  { nodes }: Grounds,
  trees: ReadonlyMap<string, string>,
  folder: string,
): Promise<void> {
  await Promise.all(
    nodes.map(async ({ host, unit }) => {
      const tree = `${trees.get(host)}/.`
      const units = ['service', 'socket'].map(
        (kind) => `${tree}/etc/systemd/system/${unit}.${kind}`,
      )
      const options = ['-aR', '--no-implied-dirs', '--chown=aethel-lattice:aethel-lattice']
      await operator.run(['rsync', ...options, `${tree}${folder}`, ...units, `root@${host}:/`])
    }),
  )
}

export const firstStart = (unit: string): string =>
  `systemctl daemon-reload && systemctl enable --quiet --now ${unit}.socket ${unit}.service`
