import { describe, expect, it } from 'vitest'
import { calledAs, commandLine, quoted, withCommandLines } from './called-as.ts'

describe('the way this program is called again', () => {
  it.each([
    ['/home/ann/lattice/bin/aethel-lattice.js', {}, 'node bin/aethel-lattice.js'],
    ['/opt/other/bin/aethel-lattice.js', {}, 'node /opt/other/bin/aethel-lattice.js'],
    ['/opt/my tools/bin/aethel-lattice.js', {}, `node '/opt/my tools/bin/aethel-lattice.js'`],
    ['/usr/local/bin/aethel-lattice', {}, 'aethel-lattice'],
    [
      '/home/ann/lattice/node_modules/.bin/aethel-lattice',
      { npm_command: 'exec' },
      'npx aethel-lattice',
    ],
    [
      '/home/ann/lattice/bin/aethel-lattice.js',
      { npm_command: 'run-script' },
      'node bin/aethel-lattice.js',
    ],
  ])('%s %j: %s', (script, environment, call) => {
    expect(calledAs(script, '/home/ann/lattice', environment)).toBe(call)
  })
})

it.each([
  ['nodes.yaml', 'nodes.yaml'],
  ['my nodes.yaml', `'my nodes.yaml'`],
  [`it's`, String.raw`'it'\''s'`],
  ['$(reboot)', `'$(reboot)'`],
])('a shell takes %s as %s', (word, shown) => {
  expect(quoted(word)).toBe(shown)
})

describe('a command that is shown', () => {
  it.each([
    ['status', { file: 'nodes.yaml', phase: 'full' }, 'lattice status'],
    ['status', { file: 'nodes.yaml', phase: 'local' }, 'lattice status --phase local'],
    ['status', { file: 'my a.yaml', phase: 'full' }, `lattice status --file 'my a.yaml'`],
    [
      'deploy --phase local',
      { file: 'nodes.yaml', phase: 'soft-launch' },
      'lattice deploy --phase local',
    ],
    ['down', { file: 'nodes.yaml', phase: 'full' }, 'lattice down --phase full'],
    ['down', { file: 'nodes.yaml', phase: 'local' }, 'lattice down --phase local'],
    ['deploy --help', { file: 'a.yaml', phase: 'local' }, 'lattice deploy --help'],
    ['deploy --help', null, 'lattice deploy --help'],
  ] as const)('is about the same lattice: %s %j', (rest, options, line) => {
    expect(commandLine('lattice', rest, options)).toBe(line)
  })

  it('works as it stands, wherever it was written', () => {
    const hint = 'see "aethel-lattice logs node2" or aethel-lattice, and "aethel-lattice status"'
    const options = { file: 'nodes.yaml', phase: 'local' } as const
    expect(withCommandLines(hint, 'node bin/a.js', options)).toBe(
      'see "node bin/a.js logs node2 --phase local" or aethel-lattice, and "node bin/a.js status --phase local"',
    )
  })
})
