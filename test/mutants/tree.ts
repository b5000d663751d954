import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { judge, type Judged, type TestReport } from './judged.ts'
import { plant, type Mutant } from './mutant.ts'

const ROOT = join(import.meta.dirname, '../..')
const PARTS = ['src', 'test', 'package.json', 'tsconfig.json']
/** Tests that take longer hang: this is many times what all of them take on a slow machine. */
const TESTS_MS_MAX = 600_000

/** A copy of the repository in which bugs are planted, one at a time. */
export class Tree implements Disposable {
  readonly #root = realpathSync(mkdtempSync(join(tmpdir(), 'aethel-mutants-')))
  readonly #stopping: AbortSignal
  #order: readonly string[] = []

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping
    for (const part of PARTS) cpSync(join(ROOT, part), join(this.#root, part), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(this.#root, 'node_modules'))
  }

  /** Runs the tests without any bug, and learns which are quick. False when they do not all pass. */
  async learnOrder(): Promise<boolean> {
    const report = await this.#test()
    this.#order = (report?.testResults ?? [])
      .toSorted((a, b) => a.endTime - a.startTime - (b.endTime - b.startTime))
      .map(({ name }) => relative(this.#root, name))
    return report?.success === true
  }

  /** Plants a bug, runs the tests until one fails, and takes the bug out again. */
  async judge(mutant: Mutant): Promise<Judged> {
    const path = join(this.#root, mutant.file)
    const sound = readFileSync(path, 'utf8')
    const startedMs = performance.now()
    try {
      writeFileSync(path, plant(mutant, sound))
      const verdict = judge(mutant, await this.#test(), this.#root)
      return { ...verdict, seconds: (performance.now() - startedMs) / 1000 }
    } finally {
      writeFileSync(path, sound)
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true })
  }

  /** Null when the tests did not come to an end. Throws when the run is to stop. */
  async #test(): Promise<TestReport | null> {
    const reportFile = join(this.#root, 'report.json')
    rmSync(reportFile, { force: true })
    const arguments_ = [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--config=test/mutants/vitest.config.ts',
      `--root=${this.#root}`,
      '--reporter=json',
      `--outputFile=${reportFile}`,
    ]
    const tests = spawn(process.execPath, arguments_, {
      cwd: this.#root,
      env: { ...process.env, MUTANTS_ORDER: this.#order.join('\n') },
      stdio: 'ignore',
      // A group of its own: what hangs may be a process that a test has started.
      detached: true,
    })
    const kill = (): void => {
      if (tests.pid !== undefined) process.kill(-tests.pid, 'SIGKILL')
    }
    const limit = setTimeout(kill, TESTS_MS_MAX)
    this.#stopping.addEventListener('abort', kill)
    try {
      await once(tests, 'exit')
    } finally {
      clearTimeout(limit)
      this.#stopping.removeEventListener('abort', kill)
    }
    this.#stopping.throwIfAborted()
    if (!existsSync(reportFile)) return null
    return JSON.parse(readFileSync(reportFile, 'utf8')) as TestReport
  }
}
