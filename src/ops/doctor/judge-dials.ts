import type { Dial, Finding } from './diagnosis.ts'
import { fail, pass, unknown, type Judgement } from './findings.ts'
import { listed } from './judge-reach.ts'

/**
 * Whether somebody listens where a dial goes, as the host there says. `unseen`: it did not say.
 * `unasked`: it is not looked at this time.
 */
export type Hearing = 'heard' | 'unheard' | 'unseen' | 'unasked'

const PROBLEMS = {
  silent: 'gets no answer from',
  unrouted: 'has no route to',
  unnamed: 'cannot look up',
  failed: 'could not try',
} as const

/** Whom a server can dial. A closed port where nobody listens yet says nothing of the way to it. */
export function judgeDials(
  from: string,
  dials: readonly Dial[],
  hearingOf: (dial: Dial) => Hearing,
): Judgement {
  const of = (...outcomes: Dial['outcome'][]): Dial[] =>
    dials.filter(({ outcome }) => outcomes.includes(outcome))
  const closed = (hearing: Hearing): Dial[] =>
    of('closed').filter((dial) => hearingOf(dial) === hearing)
  const leave = (hearing: Hearing, why: (to: string) => string) => {
    const byTarget = Map.groupBy(closed(hearing), ({ to }) => to)
    return [...byTarget].map(([to, all]) => {
      const transports = listed(all.map(({ transport }) => WORDS[transport]))
      return { id: 'dials', reason: `${from} to ${to} (${transports}): ${why(to)}` }
    })
  }
  const unchecked = [
    ...leave('unheard', () => 'nothing listens there yet'),
    ...leave('unasked', (to) => `closed, and ${to} was not looked at`),
  ]
  const findings = (): Finding[] => {
    const silent = of('silent', 'unrouted', 'unnamed')
    const refused = closed('heard')
    if (silent.length + refused.length > 0) {
      const told = [
        ...silent.map((dial) => `${PROBLEMS[dial.outcome as 'silent']} ${targetOf(dial)}`),
        ...refused.map((dial) => `is refused by ${targetOf(dial)}, where somebody listens`),
      ]
      return [fail('dials', told.join('; '), hintOf(from, [...silent, ...refused]))]
    }
    const doubtful = closed('unseen')
    const untried = of('failed', null)
    if (doubtful.length + untried.length > 0) {
      const told = [
        ...doubtful.map((dial) => `is refused by ${targetOf(dial)}, where perhaps nobody listens`),
        ...untried.map((dial) => `${PROBLEMS.failed} ${targetOf(dial)}`),
      ]
      const hint = untried.length > 0 ? 'it needs bash and coreutils there' : null
      return [unknown('dials', told.join('; '), hint)]
    }
    const open = of('open')
    return open.length === 0 ? [] : [pass('dials', `reaches ${listed(open.map(targetOf))}`)]
  }
  return { findings: findings(), unchecked }
}

const WORDS = { http: 'HTTP', p2p: 'libp2p' } as const

const targetOf = ({ to, transport, address }: Dial): string =>
  `${to} (${WORDS[transport]}, ${address})`

function hintOf(from: string, dials: readonly Dial[]): string {
  if (dials.every(({ outcome }) => outcome === 'unnamed')) {
    return `see that ${from} can resolve names: /etc/resolv.conf and /etc/hosts there`
  }
  const to = listed([...new Set(dials.map(({ to: name }) => name))])
  return `let ${from} through to ${to}: nft list ruleset on both hosts, and the firewalls of who hosts them`
}
