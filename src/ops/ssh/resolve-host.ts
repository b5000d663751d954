import { OperatorError } from '../errors.ts'
import type { HostKeyPin } from './host-key.ts'
import { knownName } from './known-hosts.ts'
import * as limits from './limits.ts'
import { configValues, type ConfigSource, type ConfigValues } from './ssh-config-lines.ts'
import { durationMs, expand, type Tokens } from './ssh-config-values.ts'

/** What nodes.yaml says about logging in; what it says wins over the configuration. */
export interface HostWish {
  /** Null: the configuration's, or 22. */
  port: number | null
  /** Null: the configuration's, or the local one. */
  user: string | null
  /** When there are any, only they count. */
  hostKeys: readonly HostKeyPin[]
}

/** The operator's machine. */
export interface Environment {
  /** Absolute path of the operator's home. */
  home: string
  /** The operator's name on this machine. */
  user: string
  variables: Readonly<Record<string, string | undefined>>
  /** The project's own file of known hosts; null: it has none. */
  projectKnownHosts: string | null
}

/** One host of a chain, with all that is needed to reach it, know it and log in to it. */
export interface ResolvedHost {
  /** As nodes.yaml or ProxyJump name it. */
  alias: string
  /** The name or address to dial. */
  hostname: string
  port: number
  user: string
  /** What its keys are looked up by in files of known hosts. */
  knownAs: string
  pins: readonly HostKeyPin[]
  /** Absolute paths, the first one to read first. One that is not there is empty. */
  knownHostsFiles: readonly string[]
  /** Absolute paths of private keys. */
  identityFiles: readonly string[]
  /** Whether somebody named them, or they are the usual ones. */
  areIdentitiesNamed: boolean
  /** Only keys that are named are offered, whatever else the agent holds. */
  identitiesOnly: boolean
  /** Absolute path of the agent's socket; null: no agent. */
  agentSocket: string | null
  /** For the connection, and again for the handshake on it. */
  dialTimeoutMs: number
  keepaliveMs: number
  keepaliveCount: number
}

const NOTHING_WISHED: HostWish = { port: null, user: null, hostKeys: [] }
const USUAL_IDENTITIES = ['id_ed25519', 'id_ecdsa', 'id_rsa']
const USUAL_KNOWN_HOSTS = ['~/.ssh/known_hosts', '~/.ssh/known_hosts2']
const COMMON_KNOWN_HOSTS = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']

/**
 * The hosts to go through to `alias`, which is the last one. Reads nothing and looks nothing up.
 *
 * @throws OperatorError for a configuration that cannot be followed here: a ProxyCommand, a token that
 *   is not known, hops without end
 */
export function resolveHost(
  alias: string,
  wish: HostWish,
  config: readonly ConfigSource[],
  environment: Environment,
): readonly ResolvedHost[] {
  return chainTo(alias, wish, config, environment, true, 0)
}

function chainTo(
  alias: string,
  wish: HostWish,
  config: readonly ConfigSource[],
  environment: Environment,
  mayJump: boolean,
  depth: number,
): readonly ResolvedHost[] {
  const subject = { alias, user: wish.user, localUser: environment.user }
  const values = configValues(config, subject)
  const host = hostOf(alias, wish, values, environment)
  const jumps = mayJump ? jumpsOf(alias, host, values) : []
  if (depth + jumps.length >= limits.HOPS_MAX) {
    throw refused(alias, `it is more than ${limits.HOPS_MAX} hops away`, 'look at ProxyJump')
  }
  // As ssh does: only the first of several hops may itself lie behind others.
  const hops = jumps.flatMap((jump, index) =>
    chainTo(
      jump.host,
      { ...NOTHING_WISHED, port: jump.port, user: jump.user },
      config,
      environment,
      index === 0,
      depth + jumps.length,
    ),
  )
  return [...hops, host]
}

function hostOf(
  alias: string,
  wish: HostWish,
  values: ConfigValues,
  environment: Environment,
): ResolvedHost {
  const first = (keyword: string): string | undefined => values.get(keyword)?.[0]?.[0]
  const port = wish.port ?? portIn(alias, first('port')) ?? 22
  const user = wish.user ?? first('user') ?? environment.user
  const early: Tokens = { alias, host: alias, port, user, environment }
  const hostname = expand(first('hostname') ?? '%h', early)
  const tokens = { ...early, host: hostname }
  const path = (given: string): string => expand(given, tokens)
  const keyAlias = first('hostkeyalias')
  const named = (values.get('identityfile') ?? []).flat().filter((file) => !isNone(file))
  return {
    alias,
    hostname,
    port,
    user,
    knownAs: keyAlias === undefined ? knownName(hostname, port) : keyAlias.toLowerCase(),
    pins: wish.hostKeys,
    knownHostsFiles: [
      ...(environment.projectKnownHosts === null ? [] : [environment.projectKnownHosts]),
      ...filesOf(values.get('userknownhostsfile')?.[0] ?? USUAL_KNOWN_HOSTS).map(path),
      ...filesOf(values.get('globalknownhostsfile')?.[0] ?? COMMON_KNOWN_HOSTS).map(path),
    ],
    identityFiles: (named.length > 0
      ? named
      : USUAL_IDENTITIES.map((file) => `~/.ssh/${file}`)
    ).map(path),
    areIdentitiesNamed: named.length > 0,
    identitiesOnly: first('identitiesonly')?.toLowerCase() === 'yes',
    agentSocket: agentOf(first('identityagent'), path, environment),
    ...timesOf(alias, first),
  }
}

function timesOf(alias: string, first: (keyword: string) => string | undefined) {
  const time = (keyword: string, usual: number, max: number): number => {
    const given = first(keyword)
    const ms = given === undefined || isNone(given) ? 0 : durationMs(given)
    if (ms === null) throw refused(alias, `${keyword} is no time`, 'write seconds')
    return ms === 0 ? usual : Math.min(ms, max)
  }
  const count = Number(first('serveralivecountmax') ?? limits.KEEPALIVE_COUNT)
  return {
    dialTimeoutMs: time('connecttimeout', limits.DIAL_MS, limits.DIAL_MS_MAX),
    keepaliveMs: time('serveraliveinterval', limits.KEEPALIVE_MS, limits.KEEPALIVE_MS_MAX),
    keepaliveCount:
      Number.isInteger(count) && count > 0
        ? Math.min(count, limits.KEEPALIVE_COUNT_MAX)
        : limits.KEEPALIVE_COUNT,
  }
}

const isNone = (value: string): boolean => value.toLowerCase() === 'none'

const filesOf = (given: readonly string[]): readonly string[] =>
  given.filter((file) => !isNone(file) && file !== '/dev/null')

/** IdentityAgent, or the agent that the environment names. */
function agentOf(
  given: string | undefined,
  path: (given: string) => string,
  { variables }: Environment,
): string | null {
  const usual = variables['SSH_AUTH_SOCK'] || null
  if (given === undefined || given === 'SSH_AUTH_SOCK') return usual
  if (isNone(given)) return null
  const [, variable] = /^\$([A-Za-z_]\w*)$/.exec(given) ?? []
  return variable === undefined ? path(given) : variables[variable] || null
}

interface Jump {
  host: string
  user: string | null
  port: number | null
}

/** ProxyJump, unless it leads to the host itself: `Host *` with a jump host is about that one, too. */
function jumpsOf(
  alias: string,
  { hostname, port }: ResolvedHost,
  values: ConfigValues,
): readonly Jump[] {
  const jump = values.get('proxyjump')?.[0]?.join(' ')
  const command = values.get('proxycommand')?.[0]?.join(' ')
  if (jump === undefined && command !== undefined && !isNone(command)) {
    throw refused(
      alias,
      'the ssh configuration reaches it by a ProxyCommand, and no command is run for that here',
      'reach it by ProxyJump, which does the same for most',
    )
  }
  if (jump === undefined || isNone(jump)) return []
  const jumps = jump.split(',').map((one) => jumpIn(alias, one.trim()))
  const isSelf = ({ host, port: jumpPort }: Jump): boolean =>
    [alias, hostname].some((own) => own.toLowerCase() === host.toLowerCase()) &&
    (jumpPort ?? port) === port
  return jumps.some(isSelf) ? [] : jumps
}

const JUMP =
  /^(?:ssh:\/\/)?(?:([^@\s]{1,64})@)?(?:\[([0-9A-Fa-f:.%]{2,64})\]|([A-Za-z0-9_.-]{1,253}))(?::(\d{1,5}))?\/?$/

function jumpIn(alias: string, text: string): Jump {
  const [whole, user, address, name, port] = JUMP.exec(text) ?? []
  const host = address ?? name
  if (whole === undefined || host === undefined) {
    throw refused(
      alias,
      'its ProxyJump is not [user@]host[:port], one or more',
      'see ssh_config(5)',
    )
  }
  return { host, user: user ?? null, port: portIn(alias, port) ?? null }
}

function portIn(alias: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port
  throw refused(alias, 'the ssh configuration gives it a port that is none', '1 to 65535')
}

const refused = (alias: string, message: string, hint: string): OperatorError =>
  new OperatorError('ssh-config', `${alias}: ${message}`, { exit: 'badInput', hint })
