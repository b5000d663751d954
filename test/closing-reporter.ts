import type { Reporter, SerializedError, TestModule } from 'vitest/node'

/**
 * Ends a run with `N passed, N failed` alone on its line. What fails outside a test (a module that
 * does not load, a hook, an error nobody caught) counts as failed; a skipped test as neither.
 * It stands after the default reporter in vitest.config.ts, so its line is the last.
 */
export default class ClosingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const suites = modules.flatMap((module) => [module, ...module.children.allSuites()])
    const count = (state: string) => tests.filter((test) => test.result().state === state).length
    const broken = suites.filter((suite) => suite.errors().length > 0).length + unhandled.length

    process.stdout.write(`\n${count('passed')} passed, ${count('failed') + broken} failed\n`)
  }
}
