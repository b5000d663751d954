/** What a shell without a terminal sees: what is said where, and the exit code. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { builtCli, endOf, type BuiltCli, type Ended } from './built-cli.ts'

let cli: BuiltCli
let cwd: string

beforeAll(async () => {
  cli = await builtCli()
})
afterAll(() => cli.remove())
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'aethel-transcript-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const run = async (line: string, environment = {}): Promise<Ended> =>
  cli.run(
    line.split(' ').filter((word) => word !== ''),
    { cwd, environment },
  )

/** What is looked at of the documents of several commands. */
interface Document {
  error: { code: string; message: string; hint: string }
  files: string[]
  nodes: { new: boolean; peer_id: string }[]
  written: boolean
}

/** Runs with --json: stdout must be one document. */
async function json(line: string): Promise<{ code: number | null; document: Document }> {
  const { code, out } = await run(`${line} --json`)
  expect(out).toMatch(/^\S.*\n$/)
  return { code, document: JSON.parse(out) }
}

describe('usage', () => {
  it('what is told to a full disk ends quietly, and fails', async () => {
    for (const words of ['--help', '--version', 'help deploy --json', 'schema']) {
      const child = spawn(
        process.execPath,
        [join(cli.home, 'bin/aethel-lattice.js'), ...words.split(' ')],
        {
          cwd,
          stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
        },
      )
      const [[code], err] = await Promise.all([
        once(child, 'close'),
        textOf(child.stderr as Readable),
      ])
      expect([words, code]).toEqual([words, 1])
      expect(err).toMatch(/^✘ the output cannot be used/)
      expect(err).not.toMatch(/\n\s+at /)
    }
  })

  it('--help and --version are told on stdout', async () => {
    const help = await run('--help')
    expect(help).toMatchObject({ code: 0, err: '' })
    expect(help.out).toMatch(/^Usage: aethel-lattice/)
    const { version } = JSON.parse(readFileSync(join(cli.home, 'package.json'), 'utf8'))
    expect(await run('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' })
  })

  it.each([
    ['', '✘ no command given\n→ see "node '],
    ['deplyo', `✘ unknown command 'deplyo'\n→ Did you mean deploy?\n`],
    ['deploy --jsno', `✘ unknown option '--jsno'\n→ Did you mean --json?\n`],
    ['render', '✘ required option'],
  ])('%s is refused with 64', async (line, said) => {
    const { code, out, err } = await run(line)
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect(err).toContain(said)
  })

  it.each(['--json', 'frobnicate', 'deploy --nope', 'plan --phase nowhere', 'logs --follow'])(
    '"%s --json" is one document',
    async (line) => {
      const { code, document } = await json(line)
      expect(code).toBe(64)
      expect(document).toEqual({
        error: { code: 'usage', message: expect.any(String), hint: expect.any(String) },
      })
    },
  )

  it('colours nothing that is piped, and anything when told to, unless NO_COLOR', async () => {
    expect((await run('nope')).err).not.toContain('\u001b')
    expect((await run('nope', { FORCE_COLOR: '1' })).err).toContain('\u001b[31m✘\u001b[39m')
    expect((await run('nope', { FORCE_COLOR: '1', NO_COLOR: '1' })).err).not.toContain('\u001b')
  })
})

describe('nodes.yaml', () => {
  it('is written once by init, and is sound', async () => {
    const first = await json('init')
    expect(first).toEqual({ code: 0, document: { file: join(cwd, 'nodes.yaml'), written: true } })
    expect((await run('plan')).code).toBe(69)

    writeFileSync(join(cwd, 'nodes.yaml'), 'mine')
    const second = await json('init')
    expect(second).toMatchObject({ code: 0, document: { written: false } })
    expect(readFileSync(join(cwd, 'nodes.yaml'), 'utf8')).toBe('mine')
  })

  it('has init name the file in what to do next', async () => {
    const { out } = await run('init --file other.yaml')
    expect(out).toContain(' deploy --phase local --file other.yaml  to try')
    expect(out).toMatch(/ keys --file other\.yaml +to make/)
  })

  it.each(['init --file .', 'init --file . --dry-run'])('is no folder: %s', async (line) => {
    const { code, document } = await json(line)
    expect(code).toBe(65)
    expect(document.error.code).toBe('not-a-file')
  })

  it('is not written by a dry run', async () => {
    expect((await json('init --dry-run')).document.written).toBe(false)
    expect(existsSync(join(cwd, 'nodes.yaml'))).toBe(false)
  })

  it('that is not there is named, with what to do', async () => {
    const { code, err } = await run('status --file missing.yaml')
    expect(code).toBe(65)
    expect(err).toBe(
      '✘ missing.yaml: no such file\n→ go to the folder of nodes.yaml, or name it with --file\n',
    )
  })

  it('has a JSON Schema', async () => {
    const { code, out } = await run('schema')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ $schema: expect.any(String), type: 'object' })
    expect((await json('schema')).document).toEqual(JSON.parse(out))
  })
})

describe('keys', () => {
  beforeEach(async () => {
    await run('init')
  })

  it('are made once, private, and never shown', async () => {
    const made = await json('keys')
    const files = globSync('keys/*', { cwd }).toSorted()
    expect(files).toEqual([
      'keys/node1-huggingface.key',
      'keys/node2-diotec360.key',
      'keys/node3-backup.key',
      'keys/operator.token',
    ])
    for (const file of files) {
      expect(statSync(join(cwd, file)).mode & 0o777).toBe(0o600)
      const secret = readFileSync(join(cwd, file), 'utf8').trim()
      expect(JSON.stringify(made.document)).not.toContain(secret)
    }
    expect(made.document.nodes.map((node) => node.new)).toEqual([true, true, true])

    const kept = await json('keys')
    expect(kept.document.nodes.map((node) => node.new)).toEqual([false, false, false])
    const idOf = (node: { peer_id: string }): string => node.peer_id
    expect(kept.document.nodes.map(idOf)).toEqual(made.document.nodes.map(idOf))
  })

  it('are not made by a dry run', async () => {
    const { document } = await json('keys --dry-run')
    expect(document.nodes).toHaveLength(3)
    expect(existsSync(join(cwd, 'keys'))).toBe(false)
  })

  it('say plainly where they cannot be made', async () => {
    writeFileSync(join(cwd, '.lattice'), '')
    const { code, document } = await json('keys --phase local')
    expect(code).toBe(1)
    expect(document.error).toMatchObject({
      code: 'enotdir',
      message: expect.stringContaining(join(cwd, '.lattice')),
    })
  })

  it('that others can read are refused', async () => {
    await run('keys')
    chmodSync(join(cwd, 'keys/node2-diotec360.key'), 0o644)
    const { code, document } = await json('render --out out')
    expect(code).toBe(65)
    expect(document.error).toMatchObject({ code: 'exposed-key', hint: expect.any(String) })
  })

  it('that are missing are asked for', async () => {
    const { code, err } = await run('render --out out')
    expect(code).toBe(65)
    expect(err).toContain(`→ run "node ${cli.home}/bin/aethel-lattice.js keys"`)
    expect(existsSync(join(cwd, 'out'))).toBe(false)
  })

  it('of nodes on this machine are asked for in their own way', async () => {
    const { code, err } = await run('status --phase local')
    expect(code).toBe(65)
    expect(err).toContain('aethel-lattice.js deploy --phase local"')
  })
})

describe('render', () => {
  beforeEach(async () => {
    await run('init')
    await run('keys')
  })

  it('writes every node’s files and no secret', async () => {
    const { code, document } = await json('render --out out')
    expect(code).toBe(0)
    const files = globSync('out/**/{.env,*.txt,*.service,*.socket}', { cwd }).toSorted()
    expect(files).toEqual(document.files.map((file) => `out/${file}`).toSorted())
    expect(files).toHaveLength(13)
    const secrets = globSync('keys/*', { cwd }).map((file) =>
      readFileSync(join(cwd, file), 'utf8').trim(),
    )
    for (const file of files) {
      const text = readFileSync(join(cwd, file), 'utf8')
      for (const secret of secrets) expect(text).not.toContain(secret)
    }
    expect(statSync(join(cwd, 'out/node2-diotec360/.env')).mode & 0o777).toBe(0o600)
    const unit = 'out/node2-diotec360/host/aethel-lattice-node2-diotec360.service'
    expect(readFileSync(join(cwd, unit), 'utf8')).toMatch(
      /^ExecStart=\S+\/node\/26\.\d+\.\d+\/bin\/node .*\/current\/release\/node\.mjs$/m,
    )
  })

  it('writes nothing in a dry run', async () => {
    expect((await json('render --out out --dry-run')).document.written).toBe(false)
    expect(existsSync(join(cwd, 'out'))).toBe(false)
  })

  it('says where it cannot write', async () => {
    writeFileSync(join(cwd, 'out'), '')
    const { code, document } = await json('render --out out')
    expect(code).toBe(65)
    expect(document.error.code).toBe('unwritable')
  })
})

describe('what acts on nodes', () => {
  beforeEach(async () => {
    await run('init')
  })

  it.each([
    'deploy',
    'deploy --yes',
    'plan',
    'rollback',
    'rollback --yes',
    'releases',
    'logs',
    'down --phase full',
    'failover-drill',
    'failover-drill --yes',
  ])('%s says plainly that it cannot act on a Space', async (line) => {
    await run('keys')
    const { code, document } = await json(line)
    expect(code).toBe(69)
    expect(document.error.code).toBe('phase-not-supported')
    expect(document.error.message).toContain('this version acts on servers and on this machine')
    expect(document.error.message).toContain('the Space node1-huggingface')
    expect(document.error.hint).toContain('--phase local')
  })

  it.each(['deploy --phase local', 'rollback --phase local', 'deploy --phase local --no-input'])(
    '%s must be agreed to, before anything is done',
    async (line) => {
      const { code, document } = await json(line)
      expect(code).toBe(64)
      expect(document.error).toMatchObject({
        code: 'needs-yes',
        hint: expect.stringMatching(/--yes/),
      })
      expect(existsSync(join(cwd, '.lattice'))).toBe(false)
    },
  )

  it('deploy says how the node is built when it is not', async () => {
    const manifest = join(cli.home, 'dist/node/manifest.json')
    renameSync(manifest, `${manifest}.away`)
    const { code, document } = await json('deploy --phase local --yes')
    renameSync(`${manifest}.away`, manifest)
    expect(code).toBe(65)
    expect(document.error.message).toContain('manifest.json')
    expect(document.error.hint).toContain('npm run build')
  })

  it('verify-triangle has no dry run, for it writes', async () => {
    const { code, document } = await json('verify-triangle --dry-run')
    expect(code).toBe(64)
    expect(document.error.message).toContain('no dry run')
  })

  it('unlock shows that nobody has the lock', async () => {
    expect(await json('unlock --phase local')).toEqual({
      code: 0,
      document: { holder: null, unlocked: false },
    })
  })
})

describe('a command that waits', () => {
  let silent: Server

  beforeEach(async () => {
    silent = createServer((socket) => socket.on('error', () => {}))
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : undefined
    writeFileSync(
      join(cwd, 'nodes.yaml'),
      `lattice: { name: one, genesis: { Alice: 10 } }
nodes:
  - { name: only, kind: server, role: primary, url: "http://127.0.0.1:${port}", ssh: { user: ann } }
`,
    )
    await run('keys')
  })
  afterEach(() => silent.close())

  it('is ended by a signal, told twice or once, with 130', async () => {
    const child = cli.start(['status', '--json'], { cwd })
    const ended = endOf(child)
    await once(silent, 'connection')
    child.kill('SIGINT')
    child.kill('SIGINT')

    const { code, out } = await ended
    expect(code).toBe(130)
    expect(JSON.parse(out).error.code).toBe('interrupted')
  })

  it('is one document also when something breaks beside it', async () => {
    // Told from outside, when the command is known to be waiting.
    const later = `process.once('SIGUSR2',()=%3E%7Bthrow%20new%20Error('boom')%7D)`
    const environment = { NODE_OPTIONS: `--import=data:text/javascript,${later}` }
    const child = cli.start(['status', '--json'], { cwd, environment })
    const ended = endOf(child)
    await once(silent, 'connection')
    child.kill('SIGUSR2')

    const { code, out, err } = await ended
    expect(code).toBe(1)
    expect(JSON.parse(out).error).toMatchObject({
      code: 'unforeseen',
      message: 'unforeseen error: boom',
    })
    expect(err).not.toContain('at ')
  })
})
