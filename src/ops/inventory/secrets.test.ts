import { chmodSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { OperatorError } from '../errors.ts'
import type { SecretReference } from './inventory.ts'
import { SECRET_BYTES_MAX } from './limits.ts'
import { formatReference, resolveSecret } from './secrets.ts'

const never = new AbortController().signal
const SECRET = 'hf_TopSecretValue'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'aethel-secrets-'))
})
afterAll(() => rmSync(directory, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

function script(name: string, body: string): SecretReference {
  writeFileSync(join(directory, name), `#!/bin/sh\n${body}\n`)
  chmodSync(join(directory, name), 0o755)
  return { kind: 'cmd', argv: [`./${name}`] }
}

const file = (path: string, content: string): SecretReference => {
  writeFileSync(join(directory, path), content)
  return { kind: 'file', path }
}

const errorOf = async (
  reference: SecretReference,
  timeLimitMs?: number,
): Promise<OperatorError> => {
  const error: unknown = await resolveSecret(reference, directory, never, timeLimitMs).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof OperatorError) return error
  throw new Error(`not refused as expected: ${String(error)}`)
}

describe('a secret', () => {
  it('comes from the environment', async () => {
    vi.stubEnv('AETHEL_TEST_SECRET', SECRET)
    const reference: SecretReference = { kind: 'env', name: 'AETHEL_TEST_SECRET' }
    await expect(resolveSecret(reference, directory, never)).resolves.toBe(SECRET)
  })

  it('comes from a file: absolute, beside nodes.yaml, or in the home folder', async () => {
    const reference = file('token', `${SECRET}\n`)
    vi.stubEnv('HOME', directory)
    for (const path of ['token', join(directory, 'token'), '~/token']) {
      await expect(resolveSecret({ kind: 'file', path }, directory, never)).resolves.toBe(SECRET)
    }
    expect(formatReference(reference)).toBe('file:token')
  })

  it('keeps its lines, but for the ends of line after it', async () => {
    const reference = file('key', '-----BEGIN\r\nabc\r\n-----END\r\n\n')
    await expect(resolveSecret(reference, directory, never)).resolves.toBe(
      '-----BEGIN\r\nabc\r\n-----END',
    )
  })

  it('comes from a command, which no shell reads and which gets no input', async () => {
    const echo = script('echo', 'cat; printf "%s|" "$PWD" "$@"; echo; echo noise >&2')
    if (echo.kind !== 'cmd') throw new Error('no command')
    const argv = [...echo.argv, '$HOME', '; id', "it's"]
    await expect(resolveSecret({ kind: 'cmd', argv }, directory, never)).resolves.toBe(
      `${directory}|$HOME|; id|it's|`,
    )
  })
})

describe('a secret that cannot be had', () => {
  it.each<[string, () => SecretReference, string]>([
    [
      'a variable that is not set',
      () => ({ kind: 'env', name: 'AETHEL_TEST_NONE' }),
      'env:AETHEL_TEST_NONE is not set',
    ],
    [
      'a file that is not there',
      () => ({ kind: 'file', path: 'none' }),
      'file:none cannot be opened (ENOENT)',
    ],
    [
      'a folder',
      () => (mkdirSync(join(directory, 'folder')), { kind: 'file', path: 'folder' }),
      'file:folder is no file',
    ],
    ['an empty file', () => file('empty', ' \n\n'), 'file:empty is empty'],
    [
      'a large file',
      () => file('large', 'x'.repeat(SECRET_BYTES_MAX + 1)),
      'file:large is larger than 65536 bytes',
    ],
    [
      'a command that is not there',
      () => ({ kind: 'cmd', argv: ['./none', 'a b'] }),
      `cmd:./none 'a b' is no command that can be found`,
    ],
    [
      'a file that may not be run',
      () => (file('plain', ''), { kind: 'cmd', argv: ['./plain'] }),
      'cmd:./plain could not be run',
    ],
    [
      'a command that fails',
      () => script('fails', `echo ${SECRET}; echo ${SECRET} >&2; exit 3`),
      'cmd:./fails ended with exit code 3',
    ],
    ['a command that prints nothing', () => script('mute', 'true'), 'cmd:./mute is empty'],
    [
      'a command that prints too much',
      () => script('loud', `echo ${SECRET}; yes ${SECRET}`),
      'cmd:./loud is larger than 65536 bytes',
    ],
  ])('%s', async (_what, reference, message) => {
    const error = await errorOf(reference())
    expect(error).toMatchObject({ code: 'no-secret', exit: 'badInput', message })
    expect(error.hint).not.toBe('')
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(SECRET)
  })

  it('a command that does not end, though a child of it holds its output open', async () => {
    const begun = performance.now()
    const error = await errorOf(script('slow', `echo ${SECRET}; sleep 8 & wait`), 200)
    expect(performance.now() - begun).toBeLessThan(4000)
    expect(error.message).toBe('cmd:./slow took more than 200 ms')
    expect(`${error.stack}`).not.toContain(SECRET)
  })

  it('a command that the operator interrupts', async () => {
    const stop = new AbortController()
    const waiting = resolveSecret(script('wait', 'exec sleep 60'), directory, stop.signal)
    stop.abort(new Error('interrupted'))
    await expect(waiting).rejects.toThrow('interrupted')
    await expect(
      resolveSecret({ kind: 'env', name: 'PATH' }, directory, stop.signal),
    ).rejects.toThrow('interrupted')
  })
})
