import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { OperatorError } from '../ops/errors.ts'
import type { App, GlobalOptions, Outcome } from './command.ts'
import { execute } from './execute.ts'
import { InterruptedError, OutputClosedError, UsageError } from './failure.ts'
import { requireAnswerer, requireConsent } from './consent.ts'

const options: GlobalOptions = {
  file: 'nodes.yaml',
  phase: 'local',
  json: false,
  yes: false,
  input: true,
  dryRun: false,
  command: 'status',
}

const outcome: Outcome = {
  exit: 'done',
  json: { nodes: [] },
  text: (paint) => `all ${paint.good('well')}`,
}

interface Terms {
  isJson?: boolean
  environment?: NodeJS.ProcessEnv
  given?: Partial<GlobalOptions>
}

/** Runs `run` as a command and gives its exit and what it wrote. */
async function outcomeOf(
  run: (app: App) => Promise<Outcome>,
  { isJson = false, environment = {}, given = {} }: Terms = {},
  interruption = new AbortController(),
) {
  const out: string[] = []
  const err: string[] = []
  const into = (lines: string[]) =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString())
        done()
      },
    })
  const exit = await execute(
    { kind: 'run', options: { ...options, json: isJson, ...given }, run },
    {
      home: '/opt/aethel-lattice',
      calledAs: 'aethel-lattice',
      isJson,
      stdin: {},
      stdout: into(out),
      stderr: into(err),
      environment,
      signal: interruption.signal,
      nowMs: () => 0,
    },
  )
  return { exit, out: out.join(''), err: err.join('') }
}

describe('an outcome', () => {
  it('is text on stdout', async () => {
    const result = await outcomeOf(async () => outcome)
    expect(result).toEqual({ exit: 'done', out: 'all well\n', err: '' })
  })

  it('is one JSON document with --json, with progress apart', async () => {
    const result = await outcomeOf(
      async (app) => {
        app.screen.say(() => 'working')
        return outcome
      },
      { isJson: true },
    )
    expect(result).toEqual({ exit: 'done', out: '{"nodes":[]}\n', err: 'working\n' })
  })

  it('has its own exit', async () => {
    const result = await outcomeOf(async () => ({ ...outcome, exit: 'unknown' }))
    expect(result.exit).toBe('unknown')
  })

  it('cannot take over the terminal with what a node said', async () => {
    const text = () => 'node says \u001b]0;pwned\u0007\u001b[2J\u009b31m\u202edlrow'
    const { out } = await outcomeOf(async () => ({ ...outcome, text }))
    expect(out).toBe('node says �]0;pwned��[2J�31m�dlrow\n')
  })
})

describe('a failure', () => {
  const refuse = async () => {
    throw new UsageError('not like this', 'like that')
  }

  it('is told on stderr with what to do next', async () => {
    const result = await outcomeOf(refuse)
    expect(result).toEqual({ exit: 'usage', out: '', err: '✘ not like this\n→ like that\n' })
  })

  it('is one JSON document with --json', async () => {
    const result = await outcomeOf(refuse, { isJson: true })
    expect(JSON.parse(result.out)).toEqual({
      error: { code: 'usage', message: 'not like this', hint: 'like that' },
    })
    expect(result.err).toBe('')
  })

  const crash = async () => {
    throw new TypeError('x is not a function', { cause: new Error('because') })
  }

  it('shows a stack, and what caused it, only when that is asked for', async () => {
    const short = await outcomeOf(crash)
    expect(short.exit).toBe('failed')
    expect(short.err).not.toContain('execute.test.ts')

    const long = await outcomeOf(crash, { environment: { AETHEL_LATTICE_DEBUG: '1' } })
    expect(long.err).toMatch(/TypeError: x is not a function\n +at .*execute\.test\.ts/)
    expect(long.err).toContain('caused by: Error: because')
  })
})

describe('an interruption', () => {
  const interrupted = async (after: (app: App) => Promise<Outcome>, reason: Error) => {
    const interruption = new AbortController()
    return outcomeOf(
      async (app) => {
        interruption.abort(reason)
        return after(app)
      },
      {},
      interruption,
    )
  }
  const bySignal = new InterruptedError('SIGINT')

  it('is told at once, then what came of it', async () => {
    const result = await interrupted(async (app) => {
      app.signal.throwIfAborted()
      return outcome
    }, bySignal)
    expect(result.exit).toBe('interrupted')
    expect(result.err).toMatch(/^stopping.*\n✘ interrupted by SIGINT\n→ /)
  })

  it('is the reason of errors that it caused', async () => {
    const result = await interrupted(async () => {
      throw new DOMException('aborted', 'AbortError')
    }, bySignal)
    expect(result).toMatchObject({ exit: 'interrupted' })
    expect(result.err).toContain('interrupted by SIGINT')
  })

  it('leaves a command its own words', async () => {
    const result = await interrupted(async () => {
      throw new OperatorError('outcome-unknown', 'it may have been written', { exit: 'unknown' })
    }, bySignal)
    expect(result.exit).toBe('interrupted')
    expect(result.err).toContain('it may have been written')
  })

  it('of a command that ended in order shows what came of it', async () => {
    const restored: Outcome = { ...outcome, exit: 'failed', text: () => 'as before' }
    const result = await interrupted(async () => restored, bySignal)
    expect(result).toMatchObject({ exit: 'interrupted', out: 'as before\n' })
  })

  it('weighs less than a split lattice', async () => {
    const result = await interrupted(async () => ({ ...outcome, exit: 'split' }), bySignal)
    expect(result.exit).toBe('split')
  })

  it('by a reader that went away is no failure, and is not mentioned', async () => {
    const result = await interrupted(async (app) => {
      app.signal.throwIfAborted()
      return outcome
    }, new OutputClosedError())
    expect(result).toEqual({ exit: 'done', out: '', err: '' })
  })
})

describe('where nobody can be asked', () => {
  const ask = async (app: App) => {
    await requireConsent(app, 'Really?')
    return outcome
  }

  it('what has to be agreed to is refused', async () => {
    const { exit, err } = await outcomeOf(ask)
    expect(exit).toBe('usage')
    expect(err).toContain('--yes')
  })

  it('--yes agrees', async () => {
    expect((await outcomeOf(ask, { given: { yes: true } })).exit).toBe('done')
  })

  it('a dry run needs nobody', async () => {
    const look = async (app: App) => {
      requireAnswerer(app)
      return outcome
    }
    expect((await outcomeOf(look, { given: { dryRun: true } })).exit).toBe('done')
  })
})
