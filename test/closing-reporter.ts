import type { Reporter, SerializedError, TestModule } from 'vitest/node'

type Failure = { readonly where: string; readonly why: string }

/**
 * Ends a run with a line `failed: where: why` for each failure, then `N passed, N failed` alone on
 * its line. What fails outside a test (a module that does not load, a hook, an error nobody caught)
 * counts as failed; a skipped test as neither. It stands after the default reporter in
 * vitest.config.ts, so its lines are the last.
 */
export default class ClosingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const suites = modules.flatMap((module) => [module, ...module.children.allSuites()])
    const passed = tests.filter((test) => test.result().state === 'passed').length

    const failures: Failure[] = [
      ...tests
        .filter((test) => test.result().state === 'failed')
        .map((test) => failure(test.module, test.fullName, test.result().errors)),
      ...suites
        .filter((suite) => suite.errors().length > 0)
        .map((suite) =>
          suite.type === 'module'
            ? failure(suite, 'outside its tests', suite.errors())
            : failure(suite.module, suite.fullName, suite.errors()),
        ),
      ...unhandled.map(({ message }) => ({ where: 'nobody caught', why: firstLine(message) })),
    ]

    const lines = failures.map(({ where, why }) => `failed: ${where}: ${why}\n`)
    process.stdout.write(`\n${lines.join('')}${passed} passed, ${failures.length} failed\n`)
  }
}

function failure(
  module: TestModule,
  name: string,
  errors: readonly { readonly message: string }[] = [],
): Failure {
  return {
    where: `${module.relativeModuleId} > ${name}`,
    why: firstLine(errors[0]?.message ?? 'no error was told'),
  }
}

/** What was thrown need not be an error. */
function firstLine(message: unknown): string {
  return String(message).split('\n', 1)[0] ?? ''
}
