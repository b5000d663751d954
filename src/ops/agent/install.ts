import { createReadStream } from 'node:fs'
import { failureOf, startAsRoot, type SudoPassword } from './enter.ts'
import { INSTALL_MS } from './limits.ts'
import type { PinnedNode } from './pinned-node.ts'
import { installScript } from './scripts.ts'
import { EnterError, type HostShell } from './shell.ts'

/**
 * Puts the pinned Node.js on a host. What a cut left there is not sent again.
 *
 * @throws EnterError
 */
export async function installNode(
  shell: HostShell,
  root: string,
  node: PinnedNode,
  password: SudoPassword,
  signal: AbortSignal,
): Promise<void> {
  const { version, sha256, archive } = node
  const script = await startAsRoot(shell, installScript, password, signal)
  const cancel = (): void => script.close()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    await script.writeLines([root, version, sha256, archive.sha256, String(archive.bytes)])
    const [word, has = '0'] = ((await script.word(signal)) ?? '').split(' ')
    if (word === 'has') {
      const start = Math.min(Number(has), archive.bytes)
      if (start < archive.bytes) {
        for await (const chunk of createReadStream(archive.path, { start, signal })) {
          await script.write(chunk as Buffer)
        }
      }
      await script.end()
      let next = await script.word(signal, INSTALL_MS)
      if (next === 'packages') next = await script.word(signal, INSTALL_MS)
      if (next === 'installed') return
    }
    const { code, stderr } = await script.outcome()
    const problem = problems[code]
    if (problem === undefined) throw failureOf(script.description, code, stderr)
    throw new EnterError(problem.code, `${script.description}: ${problem.message}`, problem)
  } finally {
    signal.removeEventListener('abort', cancel)
    script.close()
  }
}

const again = 'run the same command again; what arrived whole is not sent twice'

const problems: Readonly<Record<number, { code: string; message: string; hint: string }>> = {
  92: { code: 'transfer', message: 'its Node.js arrived in part only', hint: again },
  93: { code: 'transfer', message: 'its Node.js did not arrive as it was sent', hint: again },
  94: {
    code: 'disk-full',
    message: 'its disk takes no Node.js',
    hint: 'free some 250 MB there, and see that the folder of the node can be written',
  },
  95: {
    code: 'runtime',
    message: 'the Node.js that was brought does not run there',
    hint: 'a host needs Linux with glibc 2.28 or later',
  },
  96: {
    code: 'runtime',
    message: 'Node.js needs the library libatomic, which is not there',
    hint: 'install it on the host ("apt-get install libatomic1") and run the same command again',
  },
}
