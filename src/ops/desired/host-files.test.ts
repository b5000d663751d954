import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nodesOf, type ServerSpec } from '../inventory/inventory.ts'
import { parseInventory } from '../inventory/read.ts'
import { hostFiles, type HostParts } from './host-files.ts'
import { desiredLattice, type DesiredNode } from './lattice.ts'

/** What Debian 12's systemd may find open in the service, from 0 (nothing) to 10. */
const EXPOSURE_MAX = 1.5

const shipped = (path: string): string =>
  readFileSync(join(import.meta.dirname, '../../../templates', path), 'utf8')
const parts: HostParts = {
  templates: {
    service: shipped('aethel-lattice.service'),
    socket: shipped('aethel-lattice.socket'),
    caddy: shipped('aethel-lattice.caddy'),
    firewall: shipped('aethel-lattice.firewall.service'),
  },
  nodeVersion: '26.10.0',
  flags: ['--max-semi-space-size=4'],
  entry: 'node.mjs',
  ca: null,
}

const sound = readFileSync(join(import.meta.dirname, '../inventory/testdata/sound.yaml'), 'utf8')
const lattice = (yaml: string, phase: 'local' | 'full' = 'full') => {
  const inventory = parseInventory(yaml, '/nodes.yaml')
  const peerIds = nodesOf(inventory, phase).map(
    ({ name }, n) => [name, `12D3KooW${'abc'.charAt(n).repeat(44)}`] as const,
  )
  return desiredLattice(inventory, phase, new Map(peerIds), [])
}
const serverOf = (yaml: string): DesiredNode => {
  const found = lattice(yaml).nodes.find(({ name }) => name === 'node2')
  if (found === undefined) throw new Error('no node2')
  return found
}

/** What `make` gives, or the code of the error that it throws. */
function attempt<T>(make: () => T): T | string {
  try {
    return make()
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}

/** The settings of a unit: every `Key=value`, in order. */
const settingsIn = (text: string): [string, string][] =>
  text.split('\n').flatMap((line): [string, string][] => {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? []
    return key === undefined || value === undefined ? [] : [[key, value]]
  })
const settingIn = (text: string | undefined, wanted: string): string[] =>
  settingsIn(text ?? '')
    .filter(([key]) => key === wanted)
    .map(([, value]) => value)

describe('the host files of a server', () => {
  const node = serverOf(sound)
  const [service, socket] = hostFiles('aethel', node, parts)

  it('are a service and the socket that holds its port', () => {
    expect([service, socket].map((file) => [file?.path, file?.mode.toString(8)])).toEqual([
      ['host/aethel-lattice-node2.service', '644'],
      ['host/aethel-lattice-node2.socket', '644'],
    ])
    expect(settingIn(service?.text, 'ExecStart')).toEqual([
      '/opt/aethel-lattice/shared/node/26.10.0/bin/node --max-semi-space-size=4 /opt/aethel-lattice/current/release/node.mjs',
    ])
    expect(settingIn(service?.text, 'WorkingDirectory')).toEqual(['/opt/aethel-lattice/shared'])
    expect(settingIn(service?.text, 'ReadWritePaths')).toEqual(['/opt/aethel-lattice/shared/data'])
    expect(settingIn(service?.text, 'Requires')).toEqual(['aethel-lattice-node2.socket'])
    expect(settingIn(socket?.text, 'ListenStream')).toEqual(['127.0.0.1:8000'])
  })

  it.each([
    ['http://api.example.com:8080', '0.0.0.0:8080'],
    ['http://10.0.0.7:8080', '0.0.0.0:8080'],
    ['http://[fd00::7]:8080', '[::]:8080'],
  ])('listen where %s is served', (url, listen) => {
    const yaml = sound.replace('https://api.example.com\n    http_port: 8000', url)
    const text = hostFiles('aethel', serverOf(yaml), parts)[1]?.text
    expect(settingIn(text, 'ListenStream')).toEqual([listen])
  })

  it('are none for Spaces and for nodes on this machine', () => {
    const others = [lattice(sound).nodes[0], ...lattice(sound, 'local').nodes]
    expect(others.flatMap((each) => (each ? hostFiles('aethel', each, parts) : [each]))).toEqual([])
  })

  it('say the same settings whatever the values are, or nothing', () => {
    const hostile = `a / . - % $ \\ " ' ; # = @ { } [ ] ~ \0 é \u2028`.split(' ')
    const word = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...hostile, ' ', '\n', '\r', '\t') }),
      fc.stringMatching(/^[a-z0-9/._-]{1,20}$/),
    )
    /** Of each setting its key, its number of words, and the signs that mean something to systemd. */
    const shapeOf = (files: readonly { text: string }[]) =>
      settingsIn(files.map((file) => file.text).join('')).map(([key, value]) => [
        key,
        value.split(/\s/).length,
        value.replaceAll(/[^%$"'\\;@#{}]/g, ''),
      ])
    const usual = shapeOf(hostFiles('aethel', node, parts))
    const seen = { written: 0, refused: 0 }
    fc.assert(
      fc.property(fc.nat(6), word, (place, text) => {
        const spec = node.spec as ServerSpec
        const odd = (at: number, plain: string): string => (at === place ? text : plain)
        const changed: DesiredNode = {
          ...node,
          name: odd(0, 'node2'),
          spec: { ...spec, root: odd(1, spec.root) },
          environment: {
            ...node.environment,
            AETHEL_HTTP_HOST: odd(2, '127.0.0.1'),
            AETHEL_HTTP_PORT: odd(3, '8000'),
          },
        }
        const written = attempt(() =>
          hostFiles(odd(4, 'aethel'), changed, {
            ...parts,
            nodeVersion: odd(5, '26.10.0'),
            flags: [odd(6, '--flag')],
          }),
        )
        seen[typeof written === 'string' ? 'refused' : 'written'] += 1
        expect(typeof written === 'string' ? written : shapeOf(written)).toEqual(
          typeof written === 'string' ? 'unwritable-value' : usual,
        )
      }),
      { numRuns: 200 },
    )
    expect(Math.min(seen.written, seen.refused)).toBeGreaterThan(20)
  })

  it('refuse a template that asks for what nobody gives', () => {
    const templates = { ...parts.templates, socket: 'ListenStream={{port}}' }
    expect(() => hostFiles('aethel', serverOf(sound), { ...parts, templates })).toThrow('{{port}}')
  })
})

describe('the rules of a server', () => {
  const withRules = (allow: readonly string[]): DesiredNode => {
    const node = serverOf(sound)
    return { ...node, spec: { ...(node.spec as ServerSpec), firewall: { allow } } }
  }

  it('are loaded from their generation by a unit of their own', () => {
    const files = hostFiles('aethel', withRules(['10.0.0.0/8']), parts)
    const [rules, unit] = files.slice(2)
    expect(rules?.path).toBe('host/node2.nft')
    expect(rules?.text).toContain('ip saddr 10.0.0.0/8 tcp dport { 9000 } accept')
    expect(unit?.path).toBe('host/aethel-lattice-node2.firewall.service')
    expect(settingIn(unit?.text, 'ExecStart')).toEqual([
      '/usr/sbin/nft -f /opt/aethel-lattice/current/settings/host/node2.nft',
    ])
    expect(settingIn(unit?.text, 'ExecStop')).toEqual([
      '/usr/sbin/nft delete table inet aethel_lattice_node2',
    ])
  })

  it.each([
    '10.0.0.1 accept',
    '10.0.0.1;',
    '{ 0.0.0.0/0 }',
    '10.0.0.1\n',
    '"x"',
    '@set',
    '$x',
    '#',
    '',
  ])('are not written with %j in them', (network) => {
    expect(attempt(() => hostFiles('aethel', withRules([network]), parts))).toBe('unwritable-value')
  })
})

describe('the site of a server behind Caddy', () => {
  const siteOf = (proxy: string, more: Partial<DesiredNode> = {}): string => {
    const yaml = sound.replace('    web_socket_port: 443\n', proxy)
    const files = hostFiles('aethel', { ...serverOf(yaml), ...more }, parts)
    return files.find(({ path }) => path === 'host/node2.caddy')?.text ?? 'none'
  }
  const CADDY = '    proxy: caddy\n'
  const OWN = `${CADDY}    tls: { certificate: file:a.crt, key: file:a.key }\n`
  /** Its lines without comments, as words. */
  const linesIn = (text: string): string[][] =>
    text.split('\n').flatMap((line) => {
      const words = line.trim().split(/\s+/)
      return words[0] === '' || words[0]?.startsWith('#') ? [] : [words]
    })
  const proxied = [
    ['reverse_proxy', '127.0.0.1:8000', '{'],
    ['transport', 'http', '{'],
    ['keepalive', 'off'],
    ['}'],
    ['}'],
    ['}'],
  ]

  it('is there when it is asked for', () => {
    expect(siteOf('')).toBe('none')
    expect(linesIn(siteOf(CADDY))).toEqual([['https://api.example.com', '{'], ...proxied])
  })

  it('serves the certificate that it is given', () => {
    const folder = '/etc/caddy/aethel-lattice'
    expect(linesIn(siteOf(OWN))).toEqual([
      ['https://api.example.com', '{'],
      ['tls', `${folder}/node2.crt`, `${folder}/node2.key`],
      ...proxied,
    ])
  })

  it('says the same whatever the values are, or nothing', () => {
    const hostile = 'a / . { } $ ` " \\ # ; , * < > % é'.split(' ')
    const word = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...hostile, ' ', '\n', '\t') }),
      fc.stringMatching(/^[a-z0-9/._:[\]-]{1,20}$/),
    )
    const shapeOf = (text: string) =>
      linesIn(text).map((words) => [
        words.length,
        words.join('').replaceAll(/[^{}$"`\\#;,*<>%]/g, ''),
      ])
    const usual = shapeOf(siteOf(OWN))
    const seen = { written: 0, refused: 0 }
    fc.assert(
      fc.property(fc.nat(3), word, (at, text) => {
        const odd = (place: number, plain: string): string => (at === place ? text : plain)
        const environment = {
          AETHEL_HTTP_HOST: odd(2, '127.0.0.1'),
          AETHEL_HTTP_PORT: odd(3, '8000'),
        }
        const written = attempt(() =>
          hostFiles(
            'aethel',
            {
              ...serverOf(sound.replace('    web_socket_port: 443\n', OWN)),
              name: odd(0, 'node2'),
              url: odd(1, 'https://a.example'),
              environment,
            },
            parts,
          ),
        )
        const isRefused = typeof written === 'string'
        seen[isRefused ? 'refused' : 'written'] += 1
        expect(isRefused ? written : shapeOf(written.at(-1)?.text ?? '')).toEqual(
          isRefused ? 'unwritable-value' : usual,
        )
      }),
      { numRuns: 200 },
    )
    expect(Math.min(seen.written, seen.refused)).toBeGreaterThan(20)
  })
})

describe('systemd', () => {
  const placed = (): string[] => {
    const directory = mkdtempSync(join(tmpdir(), 'aethel-units-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    return hostFiles('aethel', serverOf(sound), parts).map(({ path, text }) => {
      const to = join(directory, basename(path))
      writeFileSync(to, text)
      return to
    })
  }
  const analyze = (...args: string[]): string => {
    try {
      return execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: 'pipe' })
    } catch (error) {
      const { code, stdout, stderr } = error as { code?: string; stdout: string; stderr: string }
      if (code === 'ENOENT')
        throw new Error('systemd-analyze is missing: install the package systemd', { cause: error })
      return `${stdout}${stderr}`
    }
  }

  it('understands every line of them', () => {
    const complaints = analyze('verify', '--man=no', ...placed()).split('\n')
    // The program itself is not on this machine, and an older systemd-analyze says so in this way.
    expect(complaints.filter((line) => line !== '' && !line.includes('is not executable'))).toEqual(
      [],
    )
  })

  it(`finds no more open than ${EXPOSURE_MAX}`, () => {
    const [service = ''] = placed()
    const report = analyze('security', '--offline=true', '--no-pager', service)
    const exposure = /Overall exposure level for \S+: ([0-9.]+)/.exec(report)?.[1]
    expect(Number(exposure)).toBeLessThanOrEqual(EXPOSURE_MAX)
    expect(Number(exposure)).toBeGreaterThan(0)
  })
})
