import { defineConfig } from 'vitest/config'

// The projects run one after the other: unit tests must not steal time from real processes.
export default defineConfig({
  test: {
    reporters: ['default', './test/closing-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          sequence: { groupOrder: 1 },
          maxWorkers: '100%',
          include: [
            'src/**/*.test.ts',
            'test/house.test.ts',
            'test/agreement/**/*.test.ts',
            'test/mutants/*.test.ts',
          ],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'cli',
          sequence: { groupOrder: 2 },
          include: ['test/cli/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'ssh',
          sequence: { groupOrder: 3 },
          include: ['test/ssh/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          sequence: { groupOrder: 4 },
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'lab',
          sequence: { groupOrder: 4 },
          include: ['test/lab/**/*.test.ts'],
          testTimeout: 180_000,
          // The first lab makes the base tree.
          hookTimeout: 30 * 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
