import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { OperatorError } from '../errors.ts'
import { encodeFrame } from './frame.ts'
import { linked } from './fixtures/link.ts'
import { CHUNK_BYTES, SILENCE_MS } from './limits.ts'
import type { ActContext } from './serve.ts'

const { signal } = new AbortController()
const generation = { release: 'r0123456789ab', settings: 'ab'.repeat(32) }
const staging = { manifest: '{}', configDigest: 'c', files: [], secrets: [] }

const never = async (): Promise<never> => new Promise(() => undefined)

/** Waits until an act's signal aborts, and tells why. */
const untilAborted = async ({ signal: over }: ActContext): Promise<unknown> =>
  new Promise((resolve) => {
    over.addEventListener('abort', () => resolve(over.reason))
  })

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

describe('a session', () => {
  it('gets each answer to its own question', async () => {
    const { session } = linked({
      check: async ({ release }) => {
        if (release === 'r000000000000') await new Promise((resolve) => setTimeout(resolve, 5))
        return release === 'r000000000000' ? 'absent' : 'intact'
      },
    })
    const slow = session.call('check', { ...generation, release: 'r000000000000' }, signal)
    const quick = session.call('check', generation, signal)
    expect(await quick).toBe('intact')
    expect(await slow).toBe('absent')
    session.close()
  })

  it('throws what the act threw, with its code, hint and exit', async () => {
    const error = new OperatorError('fenced', 'too late', { exit: 'locked', hint: 'start again' })
    const { session } = linked({
      kill: async () => {
        throw error
      },
    })
    await expect(session.call('kill', {}, signal)).rejects.toMatchObject({
      code: 'fenced',
      message: 'too late',
      exit: 'locked',
      hint: 'start again',
    })
    session.close()
  })

  it.each([
    ['ENOSPC', 'disk-full'],
    ['EROFS', 'disk-read-only'],
    ['EIO', 'disk-broken'],
    ['EACCES', 'agent-failed'],
  ])('tells an error %s of the system as %s', async (system, code) => {
    const { session } = linked({
      start: async () => {
        throw Object.assign(new Error(`${system}: no`), { code: system })
      },
    })
    await expect(session.call('start', {}, signal)).rejects.toMatchObject({ code })
    session.close()
  })

  it('names where arguments are malformed, and none of their values', async () => {
    const { session } = linked({})
    const secrets = [{ path: 'node.key', mode: 0o600, text: 7 as unknown as string }]
    const asked = session.call('stage', { ...staging, manifest: 'secret', secrets }, signal)
    const error = await asked.catch((found: unknown) => found as OperatorError)
    expect(error).toMatchObject({ code: 'agent-protocol' })
    expect((error as OperatorError).message).toContain('secrets.0.text')
    expect((error as OperatorError).message).not.toContain('secret"')
    session.close()
  })

  it('sends a stream and hears what is told meanwhile', async () => {
    const { session } = linked({
      stage: async (_args, { tell, bytes }) => {
        await tell({ missing: [generation.settings] })
        let length = 0
        for await (const chunk of bytes) length += chunk.length
        return { ...generation, release: `r${String(length).padStart(12, '0')}` }
      },
    })
    const exchange = session.open('stage', staging, signal)
    for await (const event of exchange.events) {
      expect(event).toEqual({ missing: [generation.settings] })
      await exchange.send(one(new Uint8Array(3 * CHUNK_BYTES + 1)))
    }
    expect(await exchange.result).toMatchObject({ release: 'r000000196609' })
    session.close()
  })

  it('stops sending to an act that is over', async () => {
    const { session } = linked({
      stage: async (_args, { tell }) => {
        await tell({ missing: [] })
        throw new OperatorError('disk-full', 'no space')
      },
    })
    const exchange = session.open('stage', staging, signal)
    const sent = exchange.send(one(new Uint8Array(50 * 1024 * 1024)))
    await expect(exchange.result).rejects.toMatchObject({ code: 'disk-full' })
    await sent
    session.close()
  })

  it('that gave up tells the act so, and throws its own reason', async () => {
    const told = Promise.withResolvers<unknown>()
    const { session } = linked({
      start: async (_args, context) => {
        told.resolve(await untilAborted(context))
        return {}
      },
    })
    const caller = new AbortController()
    const asked = session.call('start', {}, caller.signal)
    caller.abort(new Error('ctrl-c'))
    await expect(asked).rejects.toThrow('ctrl-c')
    expect(await told.promise).toMatchObject({ code: 'cancelled' })
    session.close()
  })

  it.each([
    ['an answer to nothing that was asked', '{"id":9,"ok":{}}', 'intact'],
    ['an answer that is none', '{"hello":1}', 'agent-protocol'],
    ['an answer of another kind', '{"id":1,"ok":{"state":"fine"}}', 'agent-protocol'],
    ['no JSON', 'Last login: today', 'agent-protocol'],
  ])('meets %s', async (_what, text, outcome) => {
    const gate = Promise.withResolvers<void>()
    const { session, say } = linked({
      check: async () => {
        await gate.promise
        return 'intact'
      },
    })
    const asked = session
      .call('check', generation, signal)
      .catch((error: OperatorError) => error.code)
    await say(encodeFrame({ kind: 'json', text }))
    gate.resolve()
    expect(await asked).toBe(outcome)
    session.close()
  })
})

describe('a channel that ends', () => {
  it('leaves every outcome unknown, and the agent knows it, too', async () => {
    const told = Promise.withResolvers<unknown>()
    const { session, served, end } = linked({
      kill: never,
      start: async (_args, context) => {
        told.resolve(await untilAborted(context))
        return {}
      },
    })
    const asked = [session.call('kill', {}, signal), session.call('start', {}, signal)]
    const codes = Promise.all(asked.map(async (call) => call.catch((e: OperatorError) => e.code)))
    end()
    expect(await codes).toEqual(['connection-lost', 'connection-lost'])
    expect(session.isOver).toBe(true)
    await expect(session.call('kill', {}, signal)).rejects.toMatchObject({
      code: 'connection-lost',
    })
    await served
    expect(await told.promise).toMatchObject({ code: 'caller-gone' })
  })
})

describe('a silent line', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is given up by both sides after 15 s', async () => {
    const { session, served, cut } = linked({ kill: never })
    const asked = session.call('kill', {}, signal).catch((error: OperatorError) => error)
    await vi.advanceTimersByTimeAsync(10 * SILENCE_MS)
    expect(session.isOver).toBe(false)
    cut()
    await vi.advanceTimersByTimeAsync(SILENCE_MS + 5_000)
    expect(await asked).toMatchObject({ code: 'connection-lost', exit: 'unreachable' })
    await served
  })
})
