import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { SshSession } from '../ssh/session.ts'

/** This machine as a host that somebody logged in to; `shells` stands for its `sh`, `edit` changes what runs. */
export const localSession = (
  shell: string,
  { cwd = '/', edit = (text) => text }: { cwd?: string; edit?: (text: string) => string } = {},
): SshSession => ({
  description: 'this machine',
  remoteAddress: null,
  exec: async (command, { signal, stdin = '' }) => {
    const [, ...words] = typeof command === 'string' ? ['sh', '-c', command] : command
    const args = words.map((word) => (word === 'sh' ? shell : word === '-c' ? word : edit(word)))
    const child = spawn(shell, args, { cwd, signal, stdio: ['pipe', 'pipe', 'ignore'] })
    const ended = once(child, 'close').then(([code]) => ({
      outcome: { kind: 'exited', code: code as number } as const,
      stderr: '',
    }))
    // Who aborts it may not wait for its end.
    ended.catch(() => {})
    child.stdout.on('error', () => {})
    const input = typeof stdin === 'string' ? Readable.from([stdin]) : (stdin as Readable)
    // A host that ends early reads no further.
    pipeline(input, child.stdin).catch(() => {})
    return { stdout: child.stdout, ended }
  },
  close: async () => {},
})
