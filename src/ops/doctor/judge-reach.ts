import type { ServerSpec } from '../inventory/inventory.ts'
import { hostOf } from '../inventory/origins.ts'
import type { Finding } from './diagnosis.ts'
import {
  loginSteps,
  type Login,
  type LoginStep,
  type Lookup,
  type SpaceEvidence,
  type TlsLook,
  type UrlAnswer,
} from './evidence.ts'
import { fail, pass, unknown, warn, type Judgement } from './findings.ts'
import * as limits from './limits.ts'

/** What is seen of a node from outside: names, logging in, its certificate, its url. */

export function judgeNames(lookups: readonly Lookup[]): Finding {
  const missing = lookups.filter(({ result }) => result === 'absent')
  if (missing.length > 0) {
    return fail(
      'dns',
      `there is no ${listed(missing.map(({ host }) => host))}`,
      'check the name in nodes.yaml, or add its address record where its domain is kept',
    )
  }
  const unanswered = lookups.filter(({ result }) => result === 'unanswered')
  if (unanswered.length > 0) {
    return unknown(
      'dns',
      `${listed(unanswered.map(({ host }) => host))} could not be looked up now`,
      'check that this machine can resolve names, then try again',
    )
  }
  const shown = lookups.map(({ host, result, addresses }) =>
    result === 'given' ? host : `${host} is ${listed(addresses.slice(0, 3))}`,
  )
  return shown.length === 0 ? unknown('dns', 'nothing was looked up') : pass('dns', listed(shown))
}

/** Why nothing is known of a host that could not be logged in to. */
export const NO_LOGIN = 'not seen without logging in'

/** One finding for each step of logging in but the names, which have a judge of their own. */
export function judgeLogin(login: Login, user: string): Finding[] {
  const words: Record<LoginStep, string> = {
    dns: '',
    route: 'the SSH port can be reached',
    ssh: 'speaks SSH',
    'host-key': 'shows the key that it is known by',
    authentication: `lets ${user} log in`,
  }
  const failedAt = login.kind === 'done' ? loginSteps.length : loginSteps.indexOf(login.at)
  return loginSteps.flatMap((step, index): Finding[] => {
    // Only a name that no other check looks up: an alias, or one behind a hop.
    if (step === 'dns' && (login.kind === 'done' || failedAt > index)) return []
    if (login.kind === 'failed' && index === failedAt) {
      return [fail(step, login.message, login.hint)]
    }
    const isBehind = login.kind === 'done' || (login.isDialled && index < failedAt)
    if (isBehind) return [pass(step, words[step])]
    return [unknown(step, NO_LOGIN)]
  })
}

const WRONG_CHAIN: Readonly<Record<string, [finding: string, hint: string]>> = {
  CERT_HAS_EXPIRED: ['a certificate in its chain has expired', 'renew it'],
  CERT_NOT_YET_VALID: [
    'its certificate is not valid yet',
    'look at the clocks of the host and of this machine',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'the certificates between its own and the authority’s are missing',
    'have the proxy send the full chain (fullchain.pem)',
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    'its certificate is signed by nobody but itself',
    'give it one of an authority that clients trust',
  ],
}

const UNTRUSTED_HINT =
  'use an authority that clients trust; for one of your own, name its certificates as ca in nodes.yaml'

const WITHOUT_TLS: Record<Extract<TlsLook, { kind: 'unseen' }>['why'], string> = {
  absent: 'see dns',
  refused: 'let a proxy with a certificate serve it, and pass it to the node',
  silent: 'let its port through the firewalls, and see that the proxy runs',
  unrouted: 'check the address and this machine’s network',
  'no-certificate': 'give the proxy one; where it gets its own, its log tells what it waits for',
  'not-tls': 'something else listens there: check the url’s port, and the proxy',
}

export function judgeTls(look: TlsLook, url: string, nowMs: number): Finding {
  if (look.kind === 'unseen') {
    const finding = `no certificate was shown: ${look.detail}`
    const isOpen = look.why === 'absent' || look.why === 'unrouted'
    return (isOpen ? unknown : fail)('tls', finding, WITHOUT_TLS[look.why])
  }
  const { chainProblem, isForThisName, issuer, validFromMs, validUntilMs } = look
  if (chainProblem !== null) {
    const [finding, hint] = WRONG_CHAIN[chainProblem] ?? [
      `its certificate is not trusted here (${chainProblem})`,
      UNTRUSTED_HINT,
    ]
    return fail('tls', finding, hint)
  }
  if (!isForThisName) {
    return fail(
      'tls',
      `its certificate is not for ${hostOf(url)}`,
      'give the proxy a certificate for that name, or correct the url in nodes.yaml',
    )
  }
  if (![validFromMs, validUntilMs].every(Number.isFinite)) {
    return unknown('tls', 'its certificate does not say how long it is valid')
  }
  const days = (ms: number): number => ms / 86_400_000
  const left = days(validUntilMs - nowMs)
  const life = days(validUntilMs - validFromMs)
  const isShort = life < limits.CERTIFICATE_SHORT_DAYS
  const least = isShort ? life * limits.CERTIFICATE_PART_MIN : limits.CERTIFICATE_DAYS_MIN
  const easy = isShort ? life * limits.CERTIFICATE_PART_EASY : limits.CERTIFICATE_DAYS_EASY
  const finding = `its certificate, by ${issuer}, is valid for ${daysInWords(left)}`
  if (left <= 0) return fail('tls', 'its certificate has expired', 'renew it')
  if (left < least) return fail('tls', finding, 'renew it now, and see why nothing renewed it')
  if (left < easy) return warn('tls', finding, 'see that it is renewed by itself')
  return pass('tls', finding)
}

const CADDY_WITHOUT_SITE = 'see "systemctl status caddy" on the host; a deploy brings the site back'
const CADDY_WITHOUT_CERTIFICATE =
  'Caddy gets one once an authority reaches it by that name on port 80 or 443; "journalctl -u caddy" on the host tells what it waits for'

/** As `judgeTls`; a certificate that a deploy has Caddy serve is not there before. */
export function judgeServerTls(
  look: TlsLook,
  { name, url, proxy }: ServerSpec,
  isDeployed: boolean | null,
  nowMs: number,
): Judgement {
  if (proxy === null) return { findings: [judgeTls(look, url, nowMs)], unchecked: [] }
  if (isDeployed === false) {
    const reason = `${name}: a deploy has Caddy serve ${url}, and there is no certificate before`
    return { findings: [], unchecked: [{ id: 'tls', reason }] }
  }
  const finding = judgeTls(look, url, nowMs)
  if (look.kind === 'shown' || finding.mark !== 'FAIL')
    return { findings: [finding], unchecked: [] }
  const hint = look.why === 'no-certificate' ? CADDY_WITHOUT_CERTIFICATE : CADDY_WITHOUT_SITE
  const judge = isDeployed === null ? unknown : fail
  return { findings: [judge('tls', finding.finding, hint)], unchecked: [] }
}

const daysInWords = (days: number): string =>
  days < 2 ? `${Math.floor(days * 24)} more hours` : `${Math.floor(days)} more days`

/** Whether something should answer at a node's url; null: that is not known. */
export function judgeUrl(
  node: string,
  answer: UrlAnswer,
  isDeployed: boolean | null,
  kind: 'server' | 'space' | 'local',
): Judgement {
  const only = (finding: Finding): Judgement => ({ findings: [finding], unchecked: [] })
  switch (answer.kind) {
    case 'ours':
      return only(pass('url', `answers as ${node}, release ${answer.release}`))
    case 'misnamed':
      return only(
        fail(
          'url',
          `has the key of ${node} and calls itself ${answer.name}`,
          'a node was renamed: compare nodes.yaml with what was deployed, then deploy again',
        ),
      )
    case 'unproven':
      return only(
        unknown(
          'url',
          'a node answers, and nothing here tells whose it is',
          'make the keys ("aethel-lattice keys"), or bring the ones that it was deployed with',
        ),
      )
    case 'failed': {
      const { code, status, message, hint } = answer
      if (kind === 'space' && status === 404) {
        return only(
          warn(
            'url',
            'no Space is served there (404)',
            'before its first deploy this is as it should be; later, compare url and space in nodes.yaml',
          ),
        )
      }
      const isSilent = code === 'unreachable' || code === 'timeout'
      if (code === 'unreachable' && isDeployed === false) {
        return {
          findings: [],
          unchecked: [{ id: 'url', reason: `${node}: nothing runs there yet` }],
        }
      }
      return only((isSilent && isDeployed === null ? unknown : fail)('url', message, hint))
    }
  }
}

export const judgeToken = ({ token }: SpaceEvidence): Finding =>
  token === null
    ? pass('token', 'the hub’s token is there; the hub was not asked whether it is valid')
    : fail('token', token.problem, token.hint)

/** `a`, `a and b`, `a, b and c`. */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`
