import { describe, expect, it } from 'vitest'
import { drillFaults } from '../ops/drill/fault-plan.ts'
import { optionBounds } from '../ops/drill/limits.ts'
import { phases } from '../ops/inventory/inventory.ts'
import { parseCommandLine, wantsJson } from './program.ts'

const parse = (line: string) =>
  parseCommandLine(
    line.split(' ').filter((word) => word !== ''),
    '1.2.3',
  )

function optionsOf(line: string) {
  const request = parse(line)
  if (request.kind !== 'run') throw new Error(`${line} was ${JSON.stringify(request)}`)
  return request.options
}

function refusalOf(line: string) {
  const request = parse(line)
  if (request.kind !== 'refused') throw new Error(`${line} was ${JSON.stringify(request)}`)
  return { message: request.message, hint: request.hint }
}

describe('options of every command', () => {
  it('have defaults', () => {
    expect(optionsOf('status')).toEqual({
      file: 'nodes.yaml',
      phase: 'full',
      json: false,
      yes: false,
      input: true,
      dryRun: false,
      command: 'status',
    })
  })

  it.each([
    '--file a.yaml --phase local --json --yes --no-input --dry-run deploy',
    'deploy --file a.yaml --phase local --json --yes --no-input --dry-run',
    '--file=a.yaml --json deploy --phase=local --yes --dry-run --no-input',
  ])('stand before and after the command: %s', (line) => {
    expect(optionsOf(line)).toEqual({
      file: 'a.yaml',
      phase: 'local',
      json: true,
      yes: true,
      input: false,
      dryRun: true,
      command: 'deploy',
    })
  })

  it('mean this machine for down, unless a phase is given', () => {
    expect(optionsOf('down').phase).toBe('local')
    expect(optionsOf('down --phase full').phase).toBe('full')
  })

  it('take every phase there is', () => {
    for (const phase of phases) expect(optionsOf(`plan --phase ${phase}`).phase).toBe(phase)
  })
})

describe('a command', () => {
  it.each([
    'deploy --plan 0123456789abcdef',
    'plan',
    'rollback --to r0123456789ab --node node1',
    'releases',
    'verify-triangle --full',
    ...drillFaults.map((fault) => `failover-drill --fault ${fault}`),
    ...optionBounds.writesPerSecond.map((n) => `failover-drill --writes-per-second ${n}`),
    'failover-drill --node node1 --report a.md',
    'status',
    'logs',
    'logs node1 --lines 0 --follow',
    'down',
    'down node1',
    'teardown node1',
    'teardown node1 --purge-data --confirm node1',
    'submit noop',
    'submit noop --node node1 --wait replicated:3',
    'submit noop --wait final',
    'submit noop --wait local',
    'render --out a',
    'trust',
    'trust node2 --replace',
    'trust node2 --fingerprint SHA256:a --yes',
    'keys',
    'init',
    'unlock',
    'schema',
  ])('is read: %s', (line) => {
    expect(parse(line)).toMatchObject({ kind: 'run', options: { command: line.split(' ')[0] } })
  })

  it.each([
    ['deplyo', "unknown command 'deplyo'", 'Did you mean deploy?'],
    ['verify', "unknown command 'verify'", 'Did you mean verify-triangle?'],
    ['frobnicate', "unknown command 'frobnicate'", 'see "aethel-lattice --help"'],
    ['deploy --jsno', "unknown option '--jsno'", 'Did you mean --json?'],
    ['deploy --phas local', "unknown option '--phas'", 'Did you mean --phase?'],
    ['deploy -x', "unknown option '-x'", 'see "aethel-lattice deploy --help"'],
    ['status node1', /^too many arguments/, 'see "aethel-lattice status --help"'],
    ['submit', "missing required argument 'intent'", 'see "aethel-lattice submit --help"'],
    ['teardown', "missing required argument 'node'", 'see "aethel-lattice teardown --help"'],
    ['render', /--out <dir>' not specified/, 'see "aethel-lattice render --help"'],
    ['plan --file', /argument missing/, 'see "aethel-lattice plan --help"'],
    ['plan --phase locl', /Allowed choices are local, soft-launch, full/, /plan --help/],
    ['logs --lines -1', /Write a whole number from 0 to 10000/, /logs --help/],
    ['logs --lines 1e3', /Write a whole number/, /logs --help/],
    ['failover-drill --writes-per-second 0', /whole number from 1 to 100/, /--help/],
    ['failover-drill --fault meteor', /Allowed choices are p2p-stop, kill/, /--help/],
    ['submit noop --wait replicated:0', /Write local, replicated:2/, /submit --help/],
    ['', 'no command given', /--help/],
    ['--json', 'no command given', /--help/],
  ])('is refused: %s', (line, message, hint) => {
    const refusal = refusalOf(line)
    expect(refusal.message).toMatch(message)
    expect(refusal.hint).toMatch(hint)
  })
})

describe('what is only told', () => {
  it('is the version', () => {
    expect(parse('--version')).toEqual({ kind: 'told', as: 'version', text: '1.2.3' })
  })

  it('is the help, with every command and what the exit codes mean', () => {
    const request = parse('--help')
    if (request.kind !== 'told') throw new Error('not told')
    expect(request.as).toBe('help')
    const commands =
      'deploy plan rollback releases verify-triangle failover-drill status logs down teardown submit render trust keys init unlock schema'
    for (const name of commands.split(' ')) expect(request.text).toContain(`\n  ${name}`)
    expect(request.text).toMatch(/Exit codes: 0 .* 1 .* 2 .* 3 .* 64 .* 65 .*\n?.* 69 .* 75 .* 130/)
  })

  it.each(['deploy --help', 'help deploy', 'deploy -h'])('is the help of a command: %s', (line) => {
    const request = parse(line)
    if (request.kind !== 'told') throw new Error('not told')
    expect(request.text).toContain('Usage: aethel-lattice deploy')
    expect(request.text).toContain('--plan <digest>')
    expect(request.text).toContain('--no-input')
  })
})

it.each([
  ['status --json', true],
  ['--json status', true],
  ['frobnicate --json', true],
  ['status', false],
  ['submit -- --json', false],
])('JSON is wanted by "%s": %s', (line, is) => {
  expect(wantsJson(line.split(' '))).toBe(is)
})
