import { join } from 'node:path'
import { LockedError } from '../rollout/lock-holder.ts'
import { FileRecordHost } from '../rollout/record-host.ts'
import type { LogOptions } from '../targets/target.ts'
import { unitsOf, type Host } from './host.ts'
import { LOG_BATCH_LINES } from './limits.ts'
import { liveness } from './life.ts'
import { check, observe, read } from './observing.ts'
import type { ActArgs, ActResult } from './protocol.ts'
import type { ActContext, Acts } from './serve.ts'
import { stage } from './staging.ts'
import { activate, kill, prune, restore, start, stop } from './switching.ts'
import { teardown, traces } from './teardown.ts'

/** All that an agent does on `host`. Acts that change the node take turns. */
export function actsOn(host: Host): Acts {
  const record = new FileRecordHost(host.node, join(host.root, 'record'), { areHoldersHere: false })
  const turns = new Turns()
  const done = async (act: Promise<unknown>): Promise<Record<string, never>> => {
    await act
    return {}
  }
  const inTurn =
    <A, C extends { signal: AbortSignal }, R>(act: (args: A, context: C) => Promise<R>) =>
    async (args: A, context: C): Promise<R> =>
      turns.take(async () => {
        context.signal.throwIfAborted()
        return act(args, context)
      })

  return {
    observe: async (_args, { signal }) => observe(host, signal),
    clock: async () => ({ wallMs: Date.now() }),
    check: async (generation) => check(host, generation),
    read: async (generation) => (await read(host, generation)) as ActResult<'read'>,
    stage: inTurn(async (args, context) => stage(host, args, context)),
    activate: inTurn(async ({ generation, fence }, { signal }) =>
      done(activate(host, generation, fence, signal)),
    ),
    restore: inTurn(async ({ previous, fence }, { signal }) =>
      done(restore(host, previous, fence, signal)),
    ),
    prune: inTurn(async ({ keep, fence }) => done(prune(host, keep, fence))),
    stop: inTurn(async (_args, { signal }) => done(stop(host, signal))),
    start: inTurn(async (_args, { signal }) => done(start(host, signal))),
    traces: async (_args, { signal }) => traces(host, signal),
    teardown: inTurn(async ({ fence, keepsData }, { signal }) => {
      await record.renew(fence)
      return { left: await teardown(host, { keepsData }, fence, signal) }
    }),
    kill: async (_args, { signal }) => done(kill(host, signal)),
    liveness: async (_args, { signal }) => liveness(host, signal),
    logs: async (options, context) => done(sendLog(host, options, context)),

    'record.look': async () => record.look() as Promise<ActResult<'record.look'>>,
    'record.acquire': async (args) => acquire(record, args),
    'record.renew': async ({ token }) => done(record.renew(token)),
    'record.release': async ({ token }) => done(record.release(token)),
    'record.unlock': async ({ token }) => ({ holder: await record.unlock(token) }),
    'record.append': async (args) => done(record.append(args.records, args.token)),
    'record.writeRegister': async ({ register, token }) =>
      done(record.writeRegister(register, token)),
  }
}

async function acquire(
  record: FileRecordHost,
  { owner, token }: ActArgs<'record.acquire'>,
): Promise<ActResult<'record.acquire'>> {
  try {
    return (await record.acquire(owner, token)) as ActResult<'record.acquire'>
  } catch (error) {
    if (error instanceof LockedError) return { isHeld: false, holder: error.holder }
    throw error
  }
}

/** Lines go in batches: what is there at once goes at once. */
async function sendLog(
  host: Host,
  options: LogOptions,
  { signal, tell }: ActContext<'logs'>,
): Promise<void> {
  let batch: string[] = []
  let sending: Promise<void> = Promise.resolve()
  const flush = async (): Promise<void> => {
    const lines = batch
    batch = []
    if (lines.length > 0) await tell({ lines })
  }
  for await (const line of host.services.logs(unitsOf(host.node).service, options, signal)) {
    batch.push(line)
    if (batch.length >= LOG_BATCH_LINES) await sending
    if (batch.length === 1) sending = new Promise(setImmediate).then(flush)
  }
  await sending
  await flush()
}

/** One act after the other. */
class Turns {
  #last: Promise<unknown> = Promise.resolve()

  async take<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
