import { defineConfig, type OxlintOverride } from 'oxlint'

type RestrictedImport = {
  group?: string[]
  regex?: string
  message: string
  allowTypeImports?: boolean
}

/** Who may import whom: a room may import the rooms it names here, and itself. */
const mayImport: Record<string, string[]> = {
  cli: ['ops', 'wire', 'merkle'],
  ops: ['wire', 'merkle'],
  node: ['wire', 'merkle'],
  page: ['wire'],
  wire: ['merkle'],
  merkle: [],
  build: ['wire'],
}

/** Files that decide and do nothing else: same input, same output. */
const pureRooms: Record<string, string[]> = {
  merkle: ['src/merkle/**'],
  wire: ['src/wire/**'],
  node: ['src/node/replica/**'],
  ops: [
    'src/ops/desired/**',
    'src/ops/rollout/plan*.ts',
    'src/ops/verify/judge*.ts',
    'src/ops/verify/checks/**',
    'src/ops/verify/recompute/**',
    'src/ops/drill/judge/**',
    'src/ops/ssh/{host-key,host-pattern,known-hosts,judge-host-key,trust-plan}.ts',
    'src/ops/ssh/{resolve-host,ssh-config-lines,ssh-config-values,shell-command}.ts',
    'src/ops/doctor/judge*.ts',
    'src/ops/doctor/fact*.ts',
    'src/ops/doctor/findings.ts',
    'src/ops/doctor/questions.ts',
  ],
}

/**
 * Code that judges the node must not be the node's: of what is outside its folder it takes types and
 * limits, of libraries the CBOR codec and the primitives of node:crypto.
 */
const shared: RestrictedImport = {
  group: ['*', '!./*.ts', '!limits.ts', '!cborg', '!node:crypto', '!crypto'],
  allowTypeImports: true,
  message: 'What recomputes shares no code with the node: types, limits, cborg, node:crypto.',
}

const otherRooms = (room: string): RestrictedImport => ({
  regex: `^(\\.\\./)+(src/)?(${Object.keys(mayImport)
    .filter((other) => other !== room && !mayImport[room]?.includes(other))
    .join('|')})/`,
  message: `src/${room} may import only: ${[room, ...(mayImport[room] ?? [])].join(', ')}.`,
})

const terminal: RestrictedImport = {
  group: ['chalk', 'listr2', '@inquirer/*'],
  message: 'Only src/cli/output knows the terminal.',
}

const effects: RestrictedImport[] = [
  {
    group: ['node:*', 'node:*/**', '!node:crypto', '!node:util'],
    allowTypeImports: true,
    message: 'A pure room has no clock, timer, process, network or file. Move the effect out.',
  },
  {
    group: [
      '@huggingface/*',
      '@libp2p/tcp',
      '@libp2p/websockets',
      '@libp2p/gossipsub',
      'commander',
      'execa',
      'fastify',
      'libp2p',
      'pino',
      'prom-client',
      'ssh2',
      'undici',
      'ws',
    ],
    allowTypeImports: true,
    message: 'A pure room uses no library that acts on the world.',
  },
]

/** What a pure room may take from node:crypto. Named in both spellings of the module. */
const pureCrypto = ['node:crypto', 'crypto'].map((name) => ({
  name,
  allowImportNames: ['hash', 'createHash', 'createHmac', 'verify', 'createPublicKey'],
  allowTypeImports: true,
  message: 'A pure room hashes and verifies; keys, signatures and randomness come from outside.',
}))

/** And from node:util: how a node reads its `.env`. */
const pureUtil = ['node:util', 'util'].map((name) => ({
  name,
  allowImportNames: ['parseEnv'],
  allowTypeImports: true,
  message: 'A pure room parses an .env; what inspects or waits comes from outside.',
}))

const impureGlobals =
  `globalThis global require process console crypto Date Temporal performance navigator
  setTimeout setInterval setImmediate queueMicrotask clearTimeout clearInterval clearImmediate
  fetch WebSocket EventSource BroadcastChannel`.split(/\s+/)

const exits = ['exit', 'exitCode', 'abort', 'reallyExit'].map((property) => ({
  object: 'process',
  property,
  message: 'Only an entry (src/*/main.ts) ends its process; elsewhere throw or return.',
}))

const impureProperties = [
  { object: 'Math', property: 'random', message: 'A pure room is given its randomness.' },
  { object: 'AbortSignal', property: 'timeout', message: 'A pure room has no timer.' },
]

const roomRules = Object.keys(mayImport).map((room): OxlintOverride => ({
  files: [`src/${room}/**`],
  rules: { 'no-restricted-imports': imports(otherRooms(room), terminal) },
}))

const purityRules = Object.entries(pureRooms).map(([room, files]): OxlintOverride => ({
  files,
  excludeFiles: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: [...pureCrypto, ...pureUtil],
        patterns: [otherRooms(room), terminal, ...effects],
      },
    ],
    'no-restricted-globals': [
      'error',
      ...impureGlobals.map((name) => ({ name, message: 'A pure room is given it.' })),
    ],
    'no-restricted-properties': ['error', ...exits, ...impureProperties],
  },
}))

const independenceRule: OxlintOverride = {
  files: ['src/ops/verify/recompute/**'],
  excludeFiles: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      { paths: pureCrypto, patterns: [otherRooms('ops'), terminal, shared] },
    ],
  },
}

function imports(...patterns: RestrictedImport[]): ['error', { patterns: RestrictedImport[] }] {
  return ['error', { patterns }]
}

// Of several overrides that set one rule for a file the last wins whole, so the pure rooms repeat
// the room's own import rule, and the exceptions stand at the end.
export default defineConfig({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import', 'promise', 'node', 'vitest'],
  env: { builtin: true, node: true },
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['dist', 'coverage', '.lattice'],
  rules: {
    // TypeScript's noImplicitReturns knows exhaustive switches; this rule does not.
    'typescript/consistent-return': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    // An underscore marks a parameter that is not used.
    'no-underscore-dangle': 'off',
    'vitest/expect-expect': ['error', { assertFunctionNames: ['expect', 'fc.assert'] }],
    // Written for Express; Fastify awaits its handlers.
    'oxc/no-async-endpoint-handlers': 'off',
    // A helper stands where it is used.
    'unicorn/consistent-function-scoping': 'off',
    eqeqeq: 'error',
    'max-lines': ['error', 400],
    'no-console': 'error',
    'no-eval': 'error',
    'no-restricted-properties': ['error', ...exits],
    'no-restricted-imports': imports(terminal),
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-duplicates': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/prefer-promise-reject-errors': 'error',
    'typescript/return-await': ['error', 'in-try-catch'],
    'typescript/switch-exhaustiveness-check': [
      'error',
      { considerDefaultExhaustiveForUnions: true },
    ],
    'unicorn/prefer-node-protocol': 'error',
  },
  overrides: [
    ...roomRules,
    ...purityRules,
    independenceRule,
    {
      files: ['src/cli/output/**'],
      rules: { 'no-restricted-imports': imports(otherRooms('cli')) },
    },
    {
      files: [
        'bin/*',
        'src/*/main.ts',
        'src/ops/agent/main.ts',
        'src/ops/targets/local/supervisor.ts',
        'src/build/build.ts',
        'test/chaos/main.ts',
        'test/lab/main.ts',
        'test/mutants/run.ts',
      ],
      rules: { 'no-restricted-properties': 'off', 'no-console': 'off' },
    },
  ],
})
