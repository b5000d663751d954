import { describe, expect, it } from 'vitest'
import type { Diagnosis, Mark } from './diagnosis.ts'
import { healthyHost, hostWith, serverEvidence, soundTls } from './evidence.fixture.ts'
import type { ServerEvidence, TlsLook } from './evidence.ts'
import { findingOf, judged } from './judged.fixture.ts'

const refused: TlsLook = { kind: 'unseen', why: 'refused', detail: 'nothing listens on its port' }
const without: TlsLook = { kind: 'unseen', why: 'no-certificate', detail: 'none for this name' }

/** Of a server whose url Caddy serves. */
function ofCaddy(said: string, changes: Partial<ServerEvidence> = {}): Diagnosis {
  const { spec } = serverEvidence()
  const proxied = {
    ...spec,
    url: 'https://api.example.com',
    proxy: { kind: 'caddy', tls: null } as const,
  }
  return judged(serverEvidence('node2', { spec: proxied, tls: refused, ...changes }, said))
}

/** A host whose ports of the front have these listeners. */
const hostOf = (front: string, plain = '', base = healthyHost): string =>
  base.replace('port p2p\n', `port p2p\nport front\n${front}port plain\n${plain}`)
const listener = (name: string, port: number, process: string, unit: string): string =>
  `listen ${name} LISTEN 0 511 *:${port} *:* users:(("${process}",pid=9,fd=6))\ncgroup ${name} 9 0::${unit}\n`

describe('the certificate of a url that Caddy serves', () => {
  it('is not looked for before a deploy has Caddy serve it', () => {
    for (const tls of [refused, { ...soundTls, isForThisName: false }]) {
      const diagnosis = ofCaddy(hostOf(''), { tls })
      expect(findingOf(diagnosis, 'tls')).toBeUndefined()
      expect(diagnosis.unchecked).toContainEqual({
        id: 'tls',
        reason:
          'node2: a deploy has Caddy serve https://api.example.com, and there is no certificate before',
      })
    }
  })

  it.each<[string, TlsLook, Partial<ServerEvidence>, Mark, RegExp]>([
    ['nothing listens', refused, {}, 'FAIL', /systemctl status caddy/],
    ['nobody logged in', refused, { host: { kind: 'unread', why: 'x' } }, 'UNKNOWN', /caddy/],
    ['none is there yet', without, {}, 'FAIL', /journalctl -u caddy/],
    [
      'it is another’s',
      { ...soundTls, isForThisName: false },
      {},
      'FAIL',
      /certificate for that name/,
    ],
  ])('is judged after it: %s', (_what, tls, more, mark, hint) => {
    const deployed = hostOf('', '', hostWith({ 'current no': 'current yes' }))
    const finding = findingOf(ofCaddy(deployed, { tls, ...more }), 'tls')
    expect(finding?.mark).toBe(mark)
    expect(finding?.hint).toMatch(hint)
  })

  it('is sound', () => {
    const deployed = hostOf('', '', hostWith({ 'current no': 'current yes' }))
    expect(findingOf(ofCaddy(deployed, { tls: soundTls }), 'tls')?.mark).toBe('PASS')
  })
})

describe('the ports of Caddy', () => {
  const CADDY = '/system.slice/caddy.service'
  it.each<[string, string, string, Mark, RegExp]>([
    ['free', '', '', 'PASS', /^nobody listens on .* 443 \(the url\) and 80 /],
    [
      'its own',
      listener('front', 443, 'caddy', CADDY),
      listener('plain', 80, 'caddy', CADDY),
      'PASS',
      /Caddy listens on 443 \(the url\) and 80 /,
    ],
    [
      'another’s',
      listener('front', 443, 'nginx', '/system.slice/nginx.service'),
      '',
      'FAIL',
      /^nginx \(pid 9\)/,
    ],
    [
      'another’s, plain',
      '',
      listener('plain', 80, 'apache2', '/system.slice/apache2.service'),
      'FAIL',
      /^apache2/,
    ],
    [
      'of a name only',
      listener('front', 443, 'caddy', '/user.slice/caddy.service'),
      '',
      'FAIL',
      /^caddy/,
    ],
  ])('are %s', (_whose, front, plain, mark, finding) => {
    expect(findingOf(ofCaddy(hostOf(front, plain)), 'ports')).toMatchObject({
      mark,
      finding: expect.stringMatching(finding) as string,
    })
  })

  it('are UNKNOWN when nobody looked at them', () => {
    expect(findingOf(ofCaddy(healthyHost), 'ports')?.mark).toBe('UNKNOWN')
  })
})
