import * as z from 'zod'
import { isAccountName } from '../../wire/intent.ts'
import { BALANCE_MAX } from '../../wire/limits.ts'
import {
  identifier,
  isHostName,
  isIpv4,
  isIpv6,
  originUrl,
  type Reader,
} from '../../wire/settings-readers.ts'
import { parseHostKeyPin, type HostKeyPin } from '../ssh/host-key.ts'
import type { SecretReference } from './inventory.ts'
import { GENESIS_ACCOUNTS_MAX } from './limits.ts'

/**
 * The kinds of values in nodes.yaml. Where the node reads the same thing from its environment, its
 * reader decides, so that a file that passes here cannot be refused there.
 */

/**
 * Text that `read` makes a value of. Its errors do not repeat the text, which may be a secret in the
 * wrong place; the operator sees the line.
 * `json` says to editors what they can check.
 */
const readBy = <T>(read: Reader<T>, json: { pattern?: string; examples?: string[] } = {}) =>
  z
    .string()
    .meta(json)
    .transform((given, context) => {
      try {
        return read(given)
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message })
        return z.NEVER
      }
    })

const refuse = (message: string): never => {
  throw new Error(message)
}

const matching =
  (pattern: RegExp, what: string): Reader<string> =>
  (given) =>
    pattern.test(given) ? given : refuse(`not ${what}`)

export const name = readBy(identifier, { pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' })

export const topic = readBy(
  matching(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/,
    'a topic of 1 to 128 letters, digits and . _ / -, a letter or digit first',
  ),
)

const UNIT_MS = { ms: 1, s: 1000, m: 60_000 } as const
const DURATION = '^(?:([0-9]{1,9})(ms)|([0-9]{1,9}(?:\\.[0-9]{1,3})?)(s|m))$'

/** A time with its unit, in milliseconds; the bounds are those of the node's variable, which counts seconds. */
export const duration = ({ read }: { read: Reader<number> }) =>
  readBy(
    (given) => {
      const [, ms, msUnit, amount = ms, unit = msUnit] = new RegExp(DURATION).exec(given) ?? []
      if (unit === undefined) return refuse('not a time with its unit')
      // Three decimals of a second or a minute are whole milliseconds, but not in floating point.
      return read(`${Math.round(Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]) / 1000}`)
    },
    { pattern: DURATION, examples: ['500ms', '5s', '1m'] },
  )

export const port = z.int().min(1).max(65_535)

/** A port that needs no root to listen on. */
export const unprivilegedPort = z.int().min(1024).max(65_535)

export const host = readBy((given) => {
  if (!isHostName(given) && !isIpv4(given) && !isIpv6(given)) {
    return refuse('neither a host name nor an IP address')
  }
  if (given === '0.0.0.0' || given === '::') return refuse(`${given} is no address to dial`)
  return given === given.toLowerCase() ? given : refuse('not lower case')
})

export const user = readBy(matching(/^[A-Za-z_][A-Za-z0-9_-]{0,31}$/, 'a user name'))

export const hostKey = readBy(
  (given): HostKeyPin =>
    parseHostKeyPin(given) ??
    refuse('neither a public host key (Ed25519, ECDSA or RSA) nor a SHA256: fingerprint'),
  { examples: ['ssh-ed25519 AAAA…', 'SHA256:…'] },
)

/** What a node's service is shown nothing of, and what is gone after a start of the host. */
const CLOSED = /^\/(?:home|root|run|tmp|var\/run|var\/tmp|dev|proc|sys)(?=\/|$)/

/** An absolute path, at least two folders deep: `/` or `/opt` itself is no place for releases. */
export const root = readBy((given) => {
  const closed = CLOSED.exec(given)?.[0]
  if (closed !== undefined) return refuse(`below ${closed}, which the node’s service cannot see`)
  const path = matching(
    /^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){2,16}$/,
    'an absolute path such as /opt/aethel-lattice',
  )
  return given.length <= 200 ? path(given) : refuse('longer than 200 characters')
})

export const origin = readBy(originUrl, { examples: ['https://api.example.com'] })

const isHub = (hostname: string): boolean => /(?:^|\.)(?:huggingface\.co|hf\.co)$/.test(hostname)
const isSpaceHost = (hostname: string): boolean => hostname.endsWith('.hf.space')
const hostnameIn = (url: string): string => URL.parse(url)?.hostname ?? ''

export const serverOrigin = readBy(
  (given) => {
    if (isHub(hostnameIn(given))) return refuse('the hub serves no node')
    if (isSpaceHost(hostnameIn(given))) return refuse('the address of a Space; its kind is space')
    if (['0.0.0.0', '[::]'].includes(hostnameIn(given))) return refuse('no address to call')
    return originUrl(given)
  },
  { examples: ['https://api.example.com'] },
)

export const spaceOrigin = readBy(
  (given) => {
    if (isHub(hostnameIn(given))) {
      return refuse(
        'the hub’s page about the Space; the app answers at https://<subdomain>.hf.space',
      )
    }
    const url = new URL(originUrl(given))
    if (url.protocol !== 'https:' || url.port !== '') {
      return refuse('a Space is served as https on port 443 only')
    }
    return given
  },
  { examples: ['https://owner-name.hf.space'] },
)

const HUB_NAME = '(?!.*(?:--|\\.\\.))[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?'

export const spaceName = readBy(
  (given) => {
    const [, owner = '', space = ''] = /^([^/]+)\/([^/]+)$/.exec(given) ?? []
    const isName = (part: string): boolean => new RegExp(`^${HUB_NAME}$`).test(part)
    return isName(owner) && isName(space) ? given : refuse('not owner/name of a Space')
  },
  { examples: ['owner/name'] },
)

/** An address, or a network with the length of its prefix. */
export const network = readBy(
  (given) => {
    const [, address = '', , bits] = /^([0-9a-f.:]+)(\/(\d{1,3}))?$/.exec(given) ?? []
    const length = isIpv4(address) ? 32 : isIpv6(address) ? 128 : null
    if (length === null) return refuse('no address and no network')
    if (bits !== undefined && (Number(bits) > length || String(Number(bits)) !== bits)) {
      return refuse(`a network of such addresses ends with /0 to /${length}`)
    }
    return given
  },
  { examples: ['198.51.100.7', '10.0.0.0/8', '2001:db8::/48'] },
)

/** Never repeats the text: it may be the secret itself, put in the wrong place. */
export const secret = readBy(
  (given): SecretReference => {
    const [, kind, rest = ''] = /^(env|file|cmd):(.*)$/s.exec(given) ?? []
    switch (kind) {
      case 'env':
        if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(rest))
          return refuse('env: is followed by a variable’s name')
        return { kind, name: rest }
      case 'file':
        if (rest.trim() === '' || rest.length > 1024) return refuse('file: is followed by a path')
        return { kind, path: rest }
      case 'cmd':
        return { kind, argv: argumentsIn(rest) }
      default:
        return refuse('not where the secret is; a secret never stands in this file')
    }
  },
  {
    pattern: '^(env|file|cmd):.+',
    examples: ['env:HF_TOKEN', 'file:~/.ssh/id_ed25519', 'cmd:pass show hf'],
  },
)

const WORD = '(?:\'[^\']*\'|"[^"]*"|[^\\s\'"|&;<>()$`\\\\*?]+)'
const COMMAND = new RegExp(`^${WORD}(?:\\s+${WORD})*$`)

/** Splits at spaces; quotes hold an argument together. No shell reads the command, so its signs are refused. */
function argumentsIn(text: string): readonly string[] {
  const command = text.trim()
  if (command === '') return refuse('cmd: is followed by a command')
  if (!COMMAND.test(command)) {
    return refuse(
      /^[^'"]*$/.test(command)
        ? 'a shell’s sign outside quotes; no shell runs the command'
        : 'a quote that is not closed or stands inside a word, or a shell’s sign outside quotes',
    )
  }
  const words = command.match(new RegExp(WORD, 'g')) ?? []
  const argv = words.map((word) => (/^['"]/.test(word) ? word.slice(1, -1) : word))
  return argv[0] === '' ? refuse('cmd: is followed by a command') : argv
}

/** Opening balances in minor units. */
export const genesis = z
  .record(
    z.string().refine(isAccountName, {
      error: 'letters first, then letters, digits and _ . @ -, 64 characters at most',
    }),
    z.int().min(0).max(BALANCE_MAX),
  )
  .transform((accounts, context): ReadonlyMap<string, number> => {
    const balances = new Map(Object.entries(accounts))
    const total = balances.values().reduce((sum, amount) => sum + amount, 0)
    if (balances.size > GENESIS_ACCOUNTS_MAX) {
      context.addIssue({ code: 'custom', message: `more than ${GENESIS_ACCOUNTS_MAX} accounts` })
    } else if (total > BALANCE_MAX) {
      context.addIssue({ code: 'custom', message: `more than ${BALANCE_MAX} in all` })
    }
    return balances
  })
