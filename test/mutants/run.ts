import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { format, type Judged } from './judged.ts'
import type { Mutant } from './mutant.ts'
import { mutants } from './mutants.ts'
import { Tree } from './tree.ts'

/**
 * Plants one bug after the other in a copy of the repository and runs the tests of the replication core on
 * it. Exit code 0: each was caught by a test. 1: one was not. 2: nothing can be said, since the tests fail
 * without any bug, or the run was stopped.
 */
const { values: options } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'string' } },
})

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)))

process.exitCode = await main(options.only?.split(',') ?? mutants.map(({ id }) => id))

async function main(ids: readonly string[]): Promise<0 | 1 | 2> {
  using tree = new Tree(stopping.signal)
  const judged: Judged[] = []
  try {
    const planted = ids.map(mutantOf)
    print(`${planted.length} bugs to plant; first the tests without any`)
    if (!(await tree.learnOrder())) throw new Error('the tests do not pass without a bug')
    for (const mutant of planted) {
      const one = await tree.judge(mutant)
      judged.push(one)
      print(format(one))
    }
  } catch (error) {
    print(`UNKNOWN after ${judged.length} of ${ids.length}: ${(error as Error).message}`)
    return 2
  } finally {
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify(judged, null, 2)}\n`)
  }
  const uncaught = judged.filter(({ verdict }) => verdict !== 'caught')
  print(`\n${judged.length - uncaught.length} of ${judged.length} caught`)
  for (const one of uncaught) print(format(one))
  return uncaught.length === 0 ? 0 : 1
}

function mutantOf(id: string): Mutant {
  const mutant = mutants.find((one) => one.id === id)
  if (mutant === undefined) throw new Error(`there is no mutant ${id}`)
  return mutant
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
