import * as z from 'zod/mini'
import { manifestSchema, RELEASE_ID } from '../../wire/manifest.ts'
import { exitCodes, type ExitName } from '../errors.ts'
import { ENTRIES_MAX, MANIFEST_BYTES_MAX } from '../release/limits.ts'
import { journalRecord } from '../rollout/journal-record.ts'
import { lockOwner } from '../rollout/lock.ts'
import { registerSchema } from '../rollout/releases.ts'
import { SETTINGS_FILE_BYTES_MAX, SETTINGS_FILES_MAX } from '../targets/limits.ts'
import type { ObservedNode, Traces } from '../targets/target.ts'
import { LOG_LINES_MAX } from './limits.ts'

/**
 * What the CLI asks of the agent on a host, and what it is answered. The room `agent` owns the program
 * that acts on a server for the CLI, the way into a host that runs it, and what both say. It must not
 * decide anything about a rollout, and nothing that it is given ever becomes text for a shell.
 *
 * Both sides check everything by these schemas: what comes from a host is not trusted here, and the
 * agent is root there.
 */

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))
const generation = z.strictObject({
  release: z.string().check(z.regex(RELEASE_ID)),
  settings: sha256,
})
const token = z.int().check(z.nonnegative())
const none = z.strictObject({})
const state = z.enum(['running', 'failing', 'stopped'])
const configDigest = z.string().check(z.maxLength(128))

const settingsFile = z.strictObject({
  path: z.string().check(z.maxLength(255)),
  mode: z.int().check(z.minimum(0), z.maximum(0o777)),
  text: z.string().check(z.maxLength(SETTINGS_FILE_BYTES_MAX)),
})
const settingsFiles = z.array(settingsFile).check(z.maxLength(SETTINGS_FILES_MAX))

const held = {
  release: z.string().check(z.regex(RELEASE_ID)),
  settings: sha256,
  version: z.string().check(z.maxLength(64)),
  configDigest: z.nullable(configDigest),
}
const shownFile = z.strictObject({
  path: z.string(),
  mode: z.int(),
  text: z.nullable(z.string()),
  sha256,
})
const contents = {
  settings: z.array(shownFile).check(z.maxLength(SETTINGS_FILES_MAX)),
  release: z.nullable(manifestSchema.shape.files),
}
const observedNode: z.ZodMiniType<ObservedNode> = z.strictObject({
  name: z.string(),
  current: z.nullable(
    z.strictObject({ ...held, isReleaseIntact: z.boolean(), areSettingsIntact: z.boolean() }),
  ),
  contents: z.nullable(
    z.strictObject({
      ...contents,
      activated: z.nullable(z.array(shownFile).check(z.maxLength(SETTINGS_FILES_MAX))),
      releaseEdits: z
        .array(
          z.strictObject({ path: z.string(), change: z.enum(['added', 'removed', 'changed']) }),
        )
        .check(z.maxLength(ENTRIES_MAX)),
    }),
  ),
  lacks: z.array(z.string()),
  overrides: z.array(z.string()).check(z.maxLength(ENTRIES_MAX)),
  process: z.strictObject({
    state,
    isSupervised: z.boolean(),
    pid: z.nullable(z.int()),
    startedAt: z.nullable(z.string()),
    restarts: z.int(),
    lastExit: z.nullable(
      z.strictObject({
        code: z.nullable(z.int()),
        signal: z.nullable(z.string()),
        error: z.nullable(z.string()),
        at: z.string(),
      }),
    ),
  }),
  held: z.array(z.strictObject(held)),
})

const tracesFound: z.ZodMiniType<Traces> = z.strictObject({
  isRunning: z.boolean(),
  found: z.array(z.strictObject({ kind: z.enum(['file', 'folder', 'user']), name: z.string() })),
  data: z.nullable(
    z.strictObject({ path: z.string(), files: z.nullable(z.int()), bytes: z.nullable(z.int()) }),
  ),
  stays: z.array(z.string()),
  unseen: z.nullable(z.string()),
})

const lockHolder = z.strictObject({
  owner: z.string(),
  pid: z.int(),
  command: z.string(),
  token,
  ageMs: z.number(),
  silentMs: z.number(),
  isStale: z.boolean(),
})
const register = z.pick(registerSchema, { fence: true, proven: true })
const hostRecord = z.strictObject({
  holder: z.nullable(lockHolder),
  journal: z.array(journalRecord),
  register,
})

const act = <
  A extends z.ZodMiniType,
  R extends z.ZodMiniType,
  E extends z.ZodMiniType = z.ZodMiniNever,
>(
  args: A,
  result: R,
  event: E = z.never() as unknown as E,
) => ({ args, result, event })

/** Every act: what it is given, what it answers, and what it tells meanwhile. See `Target` for most. */
export const acts = {
  observe: act(none, observedNode),
  /** What the host's clock says, milliseconds since the epoch. */
  clock: act(none, z.strictObject({ wallMs: z.number() })),
  read: act(generation, z.strictObject(contents)),
  check: act(generation, z.enum(['intact', 'damaged', 'absent'])),
  /**
   * Tells once which contents are missing; the caller then sends these, compressed with zstd, one
   * after the other in that order. Nothing is told or sent when nothing is missing.
   */
  stage: act(
    z.strictObject({
      /** `manifest.json` as it stands; the release's id is its hash. */
      manifest: z.string().check(z.maxLength(MANIFEST_BYTES_MAX)),
      configDigest,
      files: settingsFiles,
      secrets: settingsFiles,
    }),
    generation,
    z.strictObject({ missing: z.array(sha256).check(z.maxLength(1000)) }),
  ),
  activate: act(z.strictObject({ generation, fence: token }), none),
  restore: act(
    z.strictObject({
      previous: z.strictObject({
        generation: z.nullable(generation),
        configDigest: z.nullable(configDigest),
        state,
      }),
      fence: token,
    }),
    none,
  ),
  prune: act(
    z.strictObject({ keep: z.array(generation).check(z.maxLength(1000)), fence: token }),
    none,
  ),
  stop: act(none, none),
  start: act(none, none),
  kill: act(none, none),
  liveness: act(none, z.enum(['alive', 'dead', 'unknown'])),
  logs: act(
    z.strictObject({
      lines: z.int().check(z.minimum(0), z.maximum(LOG_LINES_MAX)),
      follow: z.boolean(),
    }),
    none,
    z.strictObject({ lines: z.array(z.string()) }),
  ),
  traces: act(none, tracesFound),
  /** Only under the lock of the record here, which goes last: this is the last act on a host. */
  teardown: act(
    z.strictObject({ keepsData: z.boolean(), fence: token }),
    z.strictObject({ left: z.array(z.string()) }),
  ),

  /** The record of the phase that this host keeps; see `RecordHost` for these. */
  'record.look': act(none, hostRecord),
  /** Never fails with `locked`: who has it is an answer. */
  'record.acquire': act(
    z.strictObject({ owner: lockOwner, token: z.nullable(token) }),
    z.union([
      z.strictObject({ isHeld: z.literal(true), token, record: hostRecord }),
      z.strictObject({ isHeld: z.literal(false), newest: token }),
      z.strictObject({ isHeld: z.literal(false), holder: lockHolder }),
    ]),
  ),
  'record.renew': act(z.strictObject({ token }), none),
  'record.release': act(z.strictObject({ token }), none),
  'record.unlock': act(
    z.strictObject({ token }),
    z.strictObject({ holder: z.nullable(lockHolder) }),
  ),
  'record.append': act(z.strictObject({ records: z.array(journalRecord), token }), none),
  'record.writeRegister': act(z.strictObject({ register, token }), none),
} as const

export type ActName = keyof typeof acts
export type ActArgs<N extends ActName> = z.output<(typeof acts)[N]['args']>
export type ActResult<N extends ActName> = z.output<(typeof acts)[N]['result']>
export type ActEvent<N extends ActName> = z.output<(typeof acts)[N]['event']>

const id = z.int().check(z.minimum(1), z.maximum(0xff_ff_ff_ff))
const exitNames = Object.keys(exitCodes) as [ExitName, ...ExitName[]]

/** What the CLI sends in JSON frames. */
export const requestSchema = z.union([
  z.strictObject({
    id,
    act: z.enum(Object.keys(acts) as [ActName, ...ActName[]]),
    args: z.unknown(),
  }),
  /** Its caller gave up. */
  z.strictObject({ id, cancel: z.literal(true) }),
])
export type Request = z.infer<typeof requestSchema>

export const failureSchema = z.strictObject({
  code: z.string().check(z.maxLength(64)),
  message: z.string().check(z.maxLength(4096)),
  hint: z.optional(z.string().check(z.maxLength(4096))),
  exit: z.enum(exitNames),
})
export type Failure = z.infer<typeof failureSchema>

/** What the agent sends in JSON frames. */
export const answerSchema = z.union([
  z.strictObject({ id, ok: z.unknown() }),
  z.strictObject({ id, event: z.unknown() }),
  z.strictObject({ id, error: failureSchema }),
])
export type Answer = z.infer<typeof answerSchema>
