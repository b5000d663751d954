import { AgentSession } from './session.ts'
import { Script } from './script.ts'
import { asRoot, asRootByPassword, enterScript } from './scripts.ts'
import { EnterError, type HostShell } from './shell.ts'

/** The way into a host: from a user's shell to an agent that runs as root. */

/** Where on a host, and with what. */
export interface EntryPlace {
  /** The node's folder and name. */
  root: string
  node: string
  /** Version of the Node.js that a deploy brings, such as 26.10.0. */
  nodeVersion: string
  program: AgentProgram
}

/** The agent's program: `dist/cli/host-agent.mjs`. */
export interface AgentProgram {
  text: Uint8Array
  sha256: string
}

/** How to become root on a host; null: as the one who logs in, or by a sudo that does not ask. */
export type SudoPassword = string | null

/** What a host says of itself before anything runs on it. */
export interface HostFacts {
  /** As `uname -m` has it: `x86_64`, `aarch64`; null where the pinned Node.js is there. */
  machine: string | null
  /** The Node.js of `nodeVersion` is there. */
  hasPinnedNode: boolean
  /** A node was activated in the folder. */
  isDeployed: boolean
  /** The user that nodes run as is there; null as `machine`. */
  hasUser: boolean | null
  hasCaddy: boolean
  /** What of the node's folder is there: nothing, nothing but data, or more. */
  folder: 'none' | 'data' | 'more'
}

export type Entry =
  /** An agent runs; on another Node.js than the pinned one when the facts say so. */
  | { kind: 'agent'; session: AgentSession; facts: HostFacts }
  /** No Node.js of ours is there. Nothing was changed. */
  | { kind: 'bare'; facts: HostFacts }
  /** Only with a password can the user become root. */
  | { kind: 'password' }

/**
 * Runs the agent on a host, without leaving anything there.
 *
 * @throws EnterError; `sudo-password` when the password is wrong
 */
export async function enterHost(
  shell: HostShell,
  place: EntryPlace,
  password: SudoPassword,
  signal: AbortSignal,
): Promise<Entry> {
  const first = await knock(shell, place, password, false, signal)
  return first.kind === 'lacks-agent'
    ? asEntry(await knock(shell, place, password, true, signal))
    : first
}

type Knock = Entry | { kind: 'lacks-agent' }

function asEntry(knocked: Knock): Entry {
  if (knocked.kind !== 'lacks-agent') return knocked
  throw new EnterError('no-agent', 'the host takes no agent')
}

async function knock(
  shell: HostShell,
  { root, node, nodeVersion, program }: EntryPlace,
  password: SudoPassword,
  lends: boolean,
  signal: AbortSignal,
): Promise<Knock> {
  const script = await startAsRoot(shell, enterScript, password, signal)
  try {
    const length = lends ? String(program.text.length) : '-'
    await script.writeLines([root, node, nodeVersion, program.sha256, length])
    if (lends) await script.write(program.text)
    const word = await script.word(signal)
    if (word === null) return await explain(script, password)
    const [answer = '', machine = '', pinned, deployed, user, folder, caddy] = word.split(' ')
    const facts: HostFacts = {
      machine: machine === '-' ? null : machine,
      hasPinnedNode: pinned === 'yes',
      isDeployed: deployed === 'yes',
      hasUser: user === '-' ? null : user === 'yes',
      hasCaddy: caddy === 'yes',
      folder: folder === 'none' || folder === 'data' ? folder : 'more',
    }
    if (answer === 'bare') return { kind: 'bare', facts }
    if (answer === 'lacks-agent') return { kind: 'lacks-agent' }
    if (answer !== 'agent')
      throw new EnterError('no-agent', `${script.description}: it answers otherwise`)
    const session = new AgentSession({
      description: shell.description,
      output: script.rest(),
      write: async (bytes) => script.write(bytes),
      close: () => script.close(),
    })
    return { kind: 'agent', session, facts }
  } catch (error) {
    script.close()
    throw error
  }
}

/** Why a script did not say a word. */
async function explain(script: Script, password: SudoPassword): Promise<Entry> {
  const { code, stderr } = await script.outcome()
  // Before the script's own codes come those of sudo, which has one for all it does not do.
  if (code === 1 && password === null) return { kind: 'password' }
  throw failureOf(script.description, code, stderr)
}

/** A script that ended with a code other than those that it gives a meaning of its own. */
export function failureOf(description: string, code: number, stderr: string): EnterError {
  const words = stderr.split('\n').slice(-3).join('; ').slice(0, 500)
  const said = words === '' ? '' : `; it said: ${words}`
  const hint =
    code === 127
      ? 'log in as root, or install sudo there'
      : 'log in by hand and see whether "sudo -n true" works'
  return new EnterError('not-entered', `${description}: its shell ended with ${code}${said}`, {
    hint,
  })
}

/**
 * Starts a script as root. With a password, waits until sudo asks for it, and gives it once.
 *
 * @throws EnterError `sudo-password`: it was wrong
 */
export async function startAsRoot(
  shell: HostShell,
  text: string,
  password: SudoPassword,
  signal: AbortSignal,
): Promise<Script> {
  if (password === null) return Script.start(shell, ['sh', '-c', asRoot, text], signal)
  const script = await Script.start(shell, ['sh', '-c', asRootByPassword, text], signal)
  try {
    if ((await script.word(signal)) !== 'password') {
      throw new EnterError('sudo-refused', `${script.description}: sudo does not ask`, {
        hint: 'see whether the user may use sudo on that host',
      })
    }
    await script.write(Buffer.from(`${password}\n`))
    if ((await script.word(signal)) === 'begun') return script
    throw new EnterError('sudo-password', `${script.description}: sudo refuses the password`, {
      hint: 'try again; it is the password of the user who logs in',
    })
  } catch (error) {
    script.close()
    throw error
  }
}
