import type { AnyAuthMethod, KeyboardInteractiveAuthMethod, ParsedKey } from 'ssh2'
import { OperatorError } from '../errors.ts'
import { agentKeys, type AgentKey } from './agent.ts'
import { printableWords } from './errors.ts'
import { PROMPTS_MAX } from './limits.ts'
import { readKeyFile, type KeyFile } from './key-file.ts'
import { fingerprintOfKey, isEncrypted, openPrivateKey } from './private-key.ts'
import type { ResolvedHost } from './resolve-host.ts'

/** Asks the operator. Rejects when nobody answers, or with the reason of `signal`. */
export type Prompt = (question: Question, signal: AbortSignal) => Promise<string>

export interface Question {
  /** What to ask, on one line: `passphrase of ~/.ssh/id_ed25519`. */
  text: string
  /** Whether the answer must not be shown while it is typed. */
  isSecret: boolean
}

/** A private key that nodes.yaml refers to, already read by the caller. */
export interface Identity {
  /** How errors name it: `file:~/.ssh/id_ed25519`. */
  label: string
  /** The key itself. A secret. */
  text: string
}

/** What there is to log in to one host with. */
export interface Credentials {
  host: ResolvedHost
  identity: Identity | null
  /** Null: nobody can be asked. */
  prompt: Prompt | null
}

/** What was tried, and what was left out and why. No secrets. */
export type Tried = string[]

/** The server's answer to the way before: the methods that are left. Null before the first. */
type MethodsLeft = readonly string[] | null

/**
 * The ways to log in, one after the other, the surest first: servers count wrong keys and hang up after
 * a few (MaxAuthTries, 6 unless told otherwise). It is told which methods the server takes; a method
 * that it does not take is not tried, and nobody is asked for a secret that would not be used.
 *
 * 1. the key of nodes.yaml; 2. agent keys that are named by an IdentityFile; 3. named key files;
 * 4. the agent's other keys, unless IdentitiesOnly; 5. named key files with a passphrase; 6. the usual
 * key files; 7. questions of the server; 8. the password.
 */
export async function* waysToLogin(
  { host, identity, prompt }: Credentials,
  tried: Tried,
  signal: AbortSignal,
): AsyncGenerator<AnyAuthMethod, void, MethodsLeft> {
  const { user: username } = host
  const ask = askerFor(prompt, signal)
  // Tells which methods there are; servers do not count it.
  let left = (yield { type: 'none', username }) ?? []
  const takes = (method: string): boolean => left.includes(method)

  for await (const way of keysToOffer(host, identity, ask, tried)) {
    if (!takes('publickey')) break
    tried.push(way.label)
    left =
      (yield way.agent === null
        ? { type: 'publickey', username, key: way.key as unknown as Buffer }
        : { type: 'agent', username, agent: way.agent }) ?? []
  }
  for (let round = 0; round < PROMPTS_MAX && takes('keyboard-interactive'); round++) {
    if (ask === null) {
      tried.push('keyboard-interactive: not tried, nobody can be asked')
      break
    }
    tried.push('keyboard-interactive')
    const unanswered: Error[] = []
    left = (yield questions(username, ask, (error) => unanswered.push(error))) ?? []
    const [failure] = unanswered
    if (failure !== undefined) throw failure
  }
  for (let round = 0; round < PROMPTS_MAX && takes('password'); round++) {
    if (ask === null) {
      tried.push('password: not tried, nobody can be asked')
      break
    }
    const password = await ask({ text: `password of ${username}@${host.hostname}`, isSecret: true })
    tried.push('password')
    left = (yield { type: 'password', username, password }) ?? []
  }
  if (!takes('publickey') && left.length > 0) tried.push(`the server takes only ${left.join(', ')}`)
}

type Ask = (question: Question) => Promise<string>

const askerFor = (prompt: Prompt | null, signal: AbortSignal): Ask | null =>
  prompt === null ? null : async (question) => prompt(question, signal)

/** The server's own questions, put to the operator one by one; `fail` is told when one is not answered. */
const questions = (
  username: string,
  ask: Ask,
  fail: (error: Error) => void,
): KeyboardInteractiveAuthMethod => ({
  type: 'keyboard-interactive',
  username,
  prompt: (_name, _instructions, _language, prompts, finish) => {
    void (async () => {
      const answers: string[] = []
      for (const { prompt: text, echo } of prompts) {
        answers.push(await ask({ text: printableWords(text), isSecret: echo !== true }))
      }
      return answers
    })().then(finish, (error: unknown) => {
      fail(error as Error)
      finish([])
    })
  },
})

async function* keysToOffer(
  host: ResolvedHost,
  identity: Identity | null,
  ask: Ask | null,
  tried: Tried,
): AsyncGenerator<OfferedKey> {
  const offered = new Set<string>()
  const isNew = (fingerprint: string | null): boolean => {
    if (fingerprint === null || offered.has(fingerprint)) return fingerprint === null
    offered.add(fingerprint)
    return true
  }
  if (identity !== null) {
    const key = await openIdentity(identity, ask)
    offered.add(fingerprintOfKey(key))
    yield { label: labelOf(identity.label, key), key, agent: null }
  }
  const files = await keyFilesOf(host, tried)
  const named = new Set(files.map(({ fingerprint }) => fingerprint))
  const held = await heldKeys(host, tried)
  const isNamed = ({ key }: AgentKey): boolean => named.has(fingerprintOfKey(key))
  for (const one of held.filter(isNamed)) {
    if (isNew(fingerprintOfKey(one.key))) yield ofAgent(one)
  }
  const privateFiles = files.filter(({ text }) => text !== null)
  if (host.areIdentitiesNamed) {
    const open = privateFiles.filter(({ text }) => text !== null && !isEncrypted(text))
    yield* ofFiles(open, ask, isNew, tried)
  }
  if (!host.identitiesOnly) {
    for (const one of held) if (isNew(fingerprintOfKey(one.key))) yield ofAgent(one)
  }
  yield* ofFiles(privateFiles, ask, isNew, tried)
}

interface OfferedKey {
  label: string
  key: ParsedKey
  /** Who signs with it; null: the key itself. */
  agent: AgentKey['agent'] | null
}

const labelOf = (label: string, key: ParsedKey): string => `${label} (${fingerprintOfKey(key)})`

const ofAgent = ({ key, agent }: AgentKey): OfferedKey => ({
  label: labelOf(`agent key ${printableWords(key.comment)}`.trim(), key),
  key,
  agent,
})

async function heldKeys({ agentSocket }: ResolvedHost, tried: Tried): Promise<readonly AgentKey[]> {
  if (agentSocket === null) return []
  const keys = await agentKeys(agentSocket)
  if (keys === null) tried.push(`agent ${agentSocket}: does not answer`)
  return keys ?? []
}

async function keyFilesOf(host: ResolvedHost, tried: Tried): Promise<readonly KeyFile[]> {
  const found: KeyFile[] = []
  for (const path of host.identityFiles) {
    const file = await readKeyFile(path)
    if (file === 'exposed') tried.push(`${path}: not used, others can read it`)
    else if (file !== null) found.push(file)
    else if (host.areIdentitiesNamed) tried.push(`${path}: no such file`)
  }
  return found
}

async function* ofFiles(
  files: readonly KeyFile[],
  ask: Ask | null,
  isNew: (fingerprint: string | null) => boolean,
  tried: Tried,
): AsyncGenerator<OfferedKey> {
  for (const { path, text, fingerprint } of files) {
    if (text === null || !isNew(fingerprint)) continue
    const key = await openKey(path, text, ask)
    if (key === 'unusable') tried.push(`${path}: no private key that can be read`)
    else if (key === 'locked') tried.push(`${path}: not used, no passphrase opened it`)
    else yield { label: labelOf(path, key), key, agent: null }
  }
}

async function openKey(
  label: string,
  text: string,
  ask: Ask | null,
): Promise<ParsedKey | 'unusable' | 'locked'> {
  if (!isEncrypted(text)) return openPrivateKey(text) ?? 'unusable'
  if (ask === null) return 'locked'
  for (let round = 0; round < PROMPTS_MAX; round++) {
    const passphrase = await ask({ text: `passphrase of ${label}`, isSecret: true })
    const key = openPrivateKey(text, passphrase)
    if (key !== null) return key
  }
  return 'locked'
}

/** The key that nodes.yaml names must be usable: to go on without it would be another login. */
async function openIdentity({ label, text }: Identity, ask: Ask | null): Promise<ParsedKey> {
  const key = await openKey(label, text, ask)
  switch (key) {
    case 'unusable':
      throw new OperatorError('unusable-key', `${label} is no private key that can be read`, {
        exit: 'badInput',
        hint: 'OpenSSH and PEM keys are read; "ssh-keygen -p -f <file>" rewrites another one',
      })
    case 'locked':
      throw new OperatorError(
        'locked-key',
        ask === null
          ? `${label} has a passphrase, and nobody can be asked for it`
          : `${label}: none of ${PROMPTS_MAX} passphrases opens it`,
        {
          exit: 'badInput',
          hint: 'load it into the SSH agent (ssh-add), and leave ssh.identity out of nodes.yaml',
        },
      )
    default:
      return key
  }
}
