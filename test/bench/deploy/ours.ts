import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Contender, Taken } from './contender.ts'
import { commandOf, offer, type Grounds } from './goods.ts'
import type { Operator } from './operator.ts'

/** What a run says of itself with `--json`, as far as it is needed here. */
interface Said {
  result: string
  steps: { action: string; took_ms: number }[]
  verification: { verdict: string; took_ms: number } | null
}

export function ours(program: string, { inventory }: Grounds): Contender {
  const run = async (operator: Operator, verb: string): Promise<Taken> => {
    const args = [verb, '--yes', '--json', '--file', inventory]
    const { ms, said } = await operator.run(commandOf(program, ...args))
    const { steps, verification } = JSON.parse(said) as Said
    if (verification?.verdict !== 'PASS') throw new Error(`${verb} proved nothing: ${said}`)
    const gates = steps.filter(({ action }) => action === 'gate').map((step) => step.took_ms)
    const gatesMs = gates.reduce((sum, one) => sum + one, 0)
    return { ms, proving: { gatesMs, verifyingMs: verification.took_ms } }
  }
  return {
    name: 'ours',
    deploy: async (operator, release) => {
      offer(program, release)
      return run(operator, 'deploy')
    },
    rollBack: async (operator) => run(operator, 'rollback'),
    // Who keeps in mind what a lattice showed takes one that lost all its disks for broken, and says so.
    beginAnew: () => rmSync(join(dirname(inventory), '.lattice'), { recursive: true, force: true }),
  }
}
