import { relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Test files, quickest first, one a line; empty in the first run, which measures them. */
const order = (process.env['MUTANTS_ORDER'] ?? '').split('\n')

class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number =>
      order.indexOf(relative(process.cwd(), moduleId))
    return files.toSorted((a, b) => placeOf(a) - placeOf(b))
  }
}

// One worker, so that the order is kept and a bug is always found by the same test.
export default defineConfig({
  cacheDir: '.vite',
  test: {
    include: ['src/{merkle,wire}/**/*.test.ts', 'src/node/{,replica/,store/}*.test.ts'],
    sequence: { sequencer: QuickestFirst },
    bail: 1,
    isolate: false,
    maxWorkers: 1,
    testTimeout: 20_000,
  },
})
