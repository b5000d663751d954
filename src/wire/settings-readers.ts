import { fromHex } from './bytes.ts'
import { isAccountName } from './intent.ts'
import type { Genesis, Member } from './lattice.ts'
import { BALANCE_MAX, MEMBERS_MAX } from './limits.ts'
import { tokenScopes, type TokenScope } from './protocol.ts'
import { publicKeyOf } from './signature.ts'

/** Reads the text of one variable. Throws an `Error` that says what is wrong with it. */
export type Reader<T> = (given: string) => T

const refuse = (message: string): never => {
  throw new Error(message)
}

/** Characters that end lines, or that a terminal obeys. */
export const CONTROL = /\p{Cc}/u

export const text =
  (charsMax: number): Reader<string> =>
  (given) => {
    if (CONTROL.test(given)) return refuse('holds control characters')
    if (given === '' || given.length > charsMax) return refuse(`not 1 to ${charsMax} characters`)
    return given
  }

/** A path of the node's own system. */
export const path: Reader<string> = text(4096)

/** What a reader reads, or nothing: empty text. */
export const optional =
  (read: Reader<string>): Reader<string> =>
  (given) =>
    given === '' ? '' : read(given)

/** Names of nodes and lattices: also file names, host labels and metric labels. */
export const identifier: Reader<string> = (given) =>
  /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(given)
    ? given
    : refuse('not a name of lower-case letters, digits and inner hyphens, 1 to 63 characters')

export const bool: Reader<boolean> = (given) => {
  if (given === 'true' || given === '1') return true
  if (given === 'false' || given === '0') return false
  return refuse('neither true nor false')
}

export const choice =
  <const T extends string>(choices: readonly T[]): Reader<T> =>
  (given) =>
    choices.find((one) => one === given) ?? refuse(`not one of ${choices.join(', ')}`)

export const port: Reader<number> = (given) =>
  /^[0-9]{1,5}$/.test(given) && Number(given) >= 1 && Number(given) <= 65_535
    ? Number(given)
    : refuse('not a port from 1 to 65535')

/** Seconds in the text, milliseconds in the value. */
export const seconds =
  (least: number, most: number): Reader<number> =>
  (given) => {
    const value = /^[0-9]+(?:\.[0-9]{1,3})?$/.test(given) ? Number(given) : Number.NaN
    return value >= least && value <= most
      ? Math.round(value * 1000)
      : refuse(`not ${least} to ${most} seconds`)
  }

export const hex =
  (bytes: number): Reader<string> =>
  (given) =>
    fromHex(given, bytes) === null ? refuse(`not ${bytes * 2} characters of lower-case hex`) : given

export const csv =
  <T>(read: Reader<T>): Reader<readonly T[]> =>
  (given) => {
    if (given.trim() === '') return []
    const items = given.split(',').map((item) => item.trim())
    if (items.includes('')) return refuse('a comma too many')
    const doubled = items.find((item, index) => items.indexOf(item) !== index)
    if (doubled !== undefined) return refuse(`${doubled} stands twice`)
    return items.map(read)
  }

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const HOST_NAME = new RegExp(`^(?=.{1,253}$)(?:${LABEL}\\.)*(?![0-9]+$|0x)${LABEL}$`, 'i')

/** Whether a text is a host name, and nothing that a resolver could take for an address. */
export const isHostName = (host: string): boolean => HOST_NAME.test(host)

/** Whether a text is an IPv4 address in its one plain form: four decimal numbers, no leading zeros. */
export const isIpv4 = (host: string): boolean =>
  /^[0-9.]+$/.test(host) && URL.parse(`http://${host}/`)?.hostname === host

/** Whether a text is an IPv6 address: no brackets, no zone. */
export const isIpv6 = (host: string): boolean =>
  /^[0-9a-f:.]+$/i.test(host) && URL.canParse(`http://[${host}]/`)

/** An http(s) origin: no path, query, user or trailing slash; on a host name or an IP address. */
export const originUrl: Reader<string> = (given) => {
  if (CONTROL.test(given) || given.length > 512) return refuse('not a URL')
  const url = URL.parse(given) ?? refuse('not a URL')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse('neither http nor https')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (!isHostName(host) && !isIpv4(host) && !isIpv6(host)) return refuse(`${host} is no host`)
  if (url.port === '0') return refuse('0 is no port')
  if (url.origin !== given) return refuse(`not a bare origin; write ${url.origin}`)
  return given
}

/** The multiaddrs that a lattice uses: TCP, or WebSocket with or without TLS, on an IP or a name. */
export const multiaddr: Reader<string> = (given) => {
  const match =
    /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(0|[1-9][0-9]{0,4})(?:(?:\/tls)?\/ws|\/wss)?(?:\/p2p\/([^/]+))?$/.exec(
      given,
    )
  if (match === null) {
    return refuse('not a multiaddr such as /dns4/host/tcp/9000 or /dns4/host/tcp/443/tls/ws')
  }
  const [, family, host = '', tcpPort, peerId] = match
  if (family === 'ip4' && !isIpv4(host)) {
    return refuse(`${host} is no IPv4 address; a name goes behind /dns4`)
  }
  if (family === 'ip6' && !isIpv6(host)) return refuse(`${host} is no IPv6 address`)
  if (family?.startsWith('dns') === true && !isHostName(host))
    return refuse(`${host} is no host name`)
  if (Number(tcpPort) > 65_535) return refuse(`${tcpPort} is no port`)
  if (peerId !== undefined && publicKeyOf(peerId) === null) {
    return refuse(`${peerId} is no Ed25519 peer id`)
  }
  return given
}

export const membersOf: Reader<readonly Member[]> = (given) => {
  const members = csv(memberOf)(given)
  if (members.length === 0 || members.length > MEMBERS_MAX)
    return refuse(`not 1 to ${MEMBERS_MAX} members`)
  for (const field of ['name', 'peerId', 'url'] as const) {
    const values = members.map((member) => member[field])
    const doubled = values.find((value, index) => values.indexOf(value) !== index)
    if (doubled !== undefined) return refuse(`two members have ${field} ${doubled}`)
  }
  return members
}

const memberOf: Reader<Member> = (given) => {
  const match = /^([^=]+)=([^@]+)@(.+)$/.exec(given)
  if (match === null) return refuse(`${JSON.stringify(given)} is not name=peerId@url`)
  const [, name = '', peerId = '', url = ''] = match
  if (publicKeyOf(peerId) === null) return refuse(`${peerId} is no Ed25519 peer id`)
  return { name: identifier(name), peerId, url: originUrl(url) }
}

export const genesisOf: Reader<Genesis> = (given) => {
  const pairs = csv((item) => {
    const match = /^(.+):([0-9]+)$/.exec(item)
    const [, account = '', amount = ''] =
      match ?? refuse(`${JSON.stringify(item)} is not account:amount`)
    if (!isAccountName(account)) return refuse(`${account} cannot name an account`)
    if (!Number.isSafeInteger(Number(amount)))
      return refuse(`${amount} is more than ${BALANCE_MAX}`)
    return [account, Number(amount)] as const
  })(given)
  const genesis = new Map(pairs)
  if (genesis.size !== pairs.length) return refuse('an account stands twice')
  if (genesis.values().reduce((sum, amount) => sum + amount, 0) > BALANCE_MAX)
    return refuse(`more than ${BALANCE_MAX} in all`)
  return genesis
}

export const tokensOf: Reader<readonly { scope: TokenScope; sha256: string }[]> = csv((item) => {
  const [scope = '', sha256 = '', ...rest] = item.split(':')
  if (rest.length > 0) return refuse('not scope:sha256')
  return { scope: choice(tokenScopes)(scope), sha256: hex(32)(sha256) }
})
