import { OperatorError, type ExitName } from '../errors.ts'
import type { HostKeyJudgement } from './judge-host-key.ts'
import { SERVER_WORDS_MAX } from './limits.ts'

/** What was being done with a host when it failed. */
export type Step = 'dial' | 'forward' | 'handshake' | 'host-key' | 'login' | 'command'

/** Where it failed: one host of a chain. */
export interface Place {
  /** `user@host:port`. */
  host: string
  /** From 1; the last hop is the host that is meant. */
  hop: number
  hops: number
  /** What the operator calls the host that is meant: the argument of `trust`. */
  target: string
}

/** A connection that cannot be used. Never holds a key, a passphrase or a password. */
export class SshError extends OperatorError {
  override readonly name: string = 'SshError'
  readonly host: string
  /** Of `hops`, from 1: the last one is the host that is meant. */
  readonly hop: number
  readonly hops: number
  readonly step: Step

  constructor(
    code: string,
    { host, hop, hops }: Place,
    step: Step,
    message: string,
    details: { exit?: ExitName; hint: string; cause?: unknown },
  ) {
    const which = hop === hops ? host : `${host} (hop ${hop} of ${hops})`
    super(code, `${which}: ${message}`, { exit: 'unreachable', ...details })
    this.host = host
    this.hop = hop
    this.hops = hops
    this.step = step
  }
}

const LOOK = 'ssh-keygen -lf /etc/ssh/ssh_host_<type>_key.pub, on the host itself,'

/** No key of the host is known. */
export class HostKeyUnknownError extends SshError {
  override readonly name = 'HostKeyUnknownError'

  constructor(place: Place, judgement: Extract<HostKeyJudgement, { kind: 'unknown' }>) {
    const { type, fingerprint, isCertified } = judgement
    super(
      'host-key-unknown',
      place,
      'host-key',
      `its key is not known: it presents ${type} ${fingerprint}`,
      {
        exit: 'failed',
        hint: isCertified
          ? `known_hosts names only an authority for it, and host certificates cannot be verified here; ${trustHint(place)}`
          : trustHint(place),
      },
    )
  }
}

/** The host presents another key than the known ones: it was set up anew, or it is not the host. */
export class HostKeyMismatchError extends SshError {
  override readonly name = 'HostKeyMismatchError'
  /** Of the key that is presented. */
  readonly type: string

  constructor(place: Place, judgement: Extract<HostKeyJudgement, { kind: 'mismatch' }>) {
    const known = judgement.known.map((one) => `${one.fingerprint} (${one.place})`).join(', ')
    super(
      'host-key-mismatch',
      place,
      'host-key',
      `it presents ${judgement.type} ${judgement.fingerprint}, but is known by ${known}. Someone may stand between`,
      {
        exit: 'failed',
        hint: `if the host was set up anew, compare with what ${LOOK} shows; then remove the known key by hand, or run "aethel-lattice trust ${place.target} --replace"`,
      },
    )
    this.type = judgement.type
  }
}

/** The key that the host presents was revoked. */
export class HostKeyRevokedError extends SshError {
  override readonly name = 'HostKeyRevokedError'

  constructor(place: Place, judgement: Extract<HostKeyJudgement, { kind: 'revoked' }>) {
    super(
      'host-key-revoked',
      place,
      'host-key',
      `it presents ${judgement.fingerprint}, which is revoked (${judgement.place})`,
      { exit: 'failed', hint: 'the key may be stolen: give the host a new one; never accept this' },
    )
  }
}

/** The error for a key that is not the host's. */
export function hostKeyError(
  place: Place,
  judgement: Exclude<HostKeyJudgement, { kind: 'known' }>,
): SshError {
  switch (judgement.kind) {
    case 'unknown':
      return new HostKeyUnknownError(place, judgement)
    case 'mismatch':
      return new HostKeyMismatchError(place, judgement)
    case 'revoked':
      return new HostKeyRevokedError(place, judgement)
    case 'unreadable':
      return new SshError(
        'known-hosts-unreadable',
        place,
        'host-key',
        `${judgement.place} revokes a key of it, and cannot be read`,
        { exit: 'badInput', hint: 'mend the line, or remove it: it may revoke the presented key' },
      )
  }
}

const trustHint = ({ target, hop, hops, host }: Place): string =>
  hop === hops
    ? `compare with what ${LOOK} shows, then run "aethel-lattice trust ${target}"`
    : `log in to ${host} once with ssh and compare what it shows with what ${LOOK} shows`

/** No way to log in worked. */
export class LoginRefusedError extends SshError {
  override readonly name = 'LoginRefusedError'
  /** Each way that was tried or left out, without any secret. */
  readonly tried: readonly string[]

  constructor(place: Place, tried: readonly string[], serverWords: string | null) {
    const ways = tried.length === 0 ? 'nothing to log in with' : tried.join('; ')
    const words = serverWords === null ? '' : `. The server ended it: ${serverWords}`
    super('login-refused', place, 'login', `login refused. Tried: ${ways}${words}`, {
      hint:
        serverWords === null
          ? 'check the user, put the right public key into its authorized_keys there, or load the key into the SSH agent'
          : 'it may have been offered too many keys: name the right one (ssh.identity in nodes.yaml, or IdentityFile with IdentitiesOnly)',
    })
    this.tried = tried
  }
}

/** The connection ended. What ran on it may have ended, or still run. */
export class ConnectionLostError extends OperatorError {
  override readonly name = 'ConnectionLostError'

  constructor(description: string, why: string) {
    super('connection-lost', `${description}: the connection is lost (${why})`, {
      exit: 'unreachable',
      hint: 'whether the last command was done is not known: look at the host before trying again',
    })
  }
}

/** The server opens no channel, or runs no command. */
export class ChannelRefusedError extends OperatorError {
  override readonly name = 'ChannelRefusedError'
  /** Another try may go better, once other commands are over. */
  readonly mayComeLater: boolean

  constructor(description: string, words: string, mayComeLater: boolean) {
    super(
      'channel-refused',
      `${description}: the server runs no command (${printableWords(words)})`,
      {
        hint: 'check MaxSessions, ForceCommand and the user’s shell on the host',
      },
    )
    this.mayComeLater = mayComeLater
  }
}

/** A command says more than anybody wants to keep. */
export class OutputLimitError extends OperatorError {
  override readonly name = 'OutputLimitError'

  constructor(description: string, bytesMax: number) {
    super('output-limit', `${description}: a command said more than ${bytesMax} bytes`, {
      hint: 'this is not what was expected of the host; look at it',
    })
  }
}

/** A server's words on one short line. */
export const printableWords = (words: string): string =>
  words
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, SERVER_WORDS_MAX)
