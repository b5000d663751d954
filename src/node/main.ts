import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hash } from 'node:crypto'
import { parseEnv } from 'node:util'
import { pino } from 'pino'
import { createApi, type Api } from './api/index.ts'
import { MANIFEST_FILE, manifestSchema } from '../wire/manifest.ts'
import { configDigestOf, parseSettings, type SettingProblem } from '../wire/settings.ts'
import { systemClock } from './engine.ts'
import { handedSocket, handedSocketVariables } from './handed-socket.ts'
import { readNodeKey, StartError } from './keys.ts'
import { trustAuthorities } from './authorities.ts'
import { LatticeNode } from './node.ts'
import { StoreError } from './store/errors.ts'

/** The settings cannot work: a supervisor that restarts the node changes nothing (sysexits' EX_CONFIG). */
const EXIT_CONFIG = 78
const EXIT_FAILED = 1
/** A stop takes no longer than this. */
const STOP_MS_MAX = 8000

const home = dirname(fileURLToPath(import.meta.url))

type Environment = Record<string, string | undefined>

/** `.env` of the working directory under the process's own variables, which win. */
function readEnvironment(): Environment {
  let file: Environment = {}
  try {
    file = parseEnv(readFileSync('.env', 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new StartError(
        `cannot read .env: ${(error as Error).message}`,
        'check its owner and mode',
      )
  }
  return { ...file, ...process.env }
}

/** The release that this file belongs to, proven by its hash; `unreleased` when it stands alone. */
function readRelease(): { release: string; version: string } {
  let bytes: Buffer
  try {
    bytes = readFileSync(join(home, MANIFEST_FILE))
  } catch {
    return { release: 'unreleased', version: '0.0.0' }
  }
  const manifest = manifestSchema.parse(JSON.parse(bytes.toString('utf8')))
  for (const { path, sha256 } of manifest.files) {
    if (hash('sha256', readFileSync(join(home, path)), 'hex') !== sha256) {
      throw new StartError(`${path} is not the file of this release`, 'deploy the release again')
    }
  }
  return { release: `r${hash('sha256', bytes, 'hex').slice(0, 12)}`, version: manifest.version }
}

function refuse(problems: readonly Pick<SettingProblem, 'message' | 'hint'>[]): never {
  for (const { message, hint } of problems)
    process.stderr.write(`[STARTUP] ${message}\n          hint: ${hint}\n`)
  process.exit(EXIT_CONFIG)
}

/** @throws StartError for what is no listening socket, or is one on another port than the settings say */
async function adopt(api: Api, fd: number, wantedPort: number): Promise<void> {
  const { port } = await api.adopt(fd).catch((error: unknown) => {
    throw new StartError(
      `the socket that was handed over (file descriptor ${fd}) cannot be used: ${(error as Error).message}`,
      'give the socket unit one ListenStream= with an address and a port',
    )
  })
  if (port === wantedPort) return
  throw new StartError(
    `the socket that was handed over is on port ${port}, and AETHEL_HTTP_PORT is ${wantedPort}`,
    'restart the socket unit too when the port has changed',
  )
}

async function main(): Promise<void> {
  const handed = handedSocket(process.env, process.pid)
  for (const name of handedSocketVariables) delete process.env[name]
  const environment = readEnvironment()
  const parsed = parseSettings(environment)
  if (!parsed.ok)
    refuse(
      parsed.problems.map(({ variable, message, hint }) => ({
        message: `${variable} ${message}`,
        hint,
      })),
    )
  const { settings } = parsed
  trustAuthorities(settings.caFile)
  const log = pino({
    level: settings.logLevel,
    base: { node: settings.nodeName },
    timestamp: pino.stdTimeFunctions.isoTime,
  })
  const { release, version } = readRelease()
  const node = new LatticeNode({
    settings,
    key: readNodeKey(settings),
    configDigest: configDigestOf(environment),
    release,
    version,
    clock: systemClock,
    log,
  })
  const api = createApi(node, { pageDir: join(home, 'page'), log })
  if (handed === null) await api.listen(settings.httpHost, settings.httpPort)
  else await adopt(api, handed, settings.httpPort)
  node.start(api.server)
  log.info(
    {
      release,
      peer_id: node.identity.peerId,
      port: settings.httpPort,
      refusal: node.refusalReason,
    },
    '[STARTUP] ready',
  )

  let isStopping = false
  const stop = (signal: string): void => {
    if (isStopping) return
    isStopping = true
    log.info({ signal }, '[STARTUP] stopping')
    setTimeout(() => process.exit(EXIT_FAILED), STOP_MS_MAX).unref()
    // Where nobody else holds the port it is closed anyway, and going on would only put that off.
    const isDrained = handed === null ? Promise.resolve() : api.drain()
    void isDrained
      .then(() => Promise.all([api.close(), node.leave()]))
      .finally(() => {
        node.close()
        process.exit(0)
      })
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

main().catch((error: unknown) => {
  // What may be otherwise at the next try is no refusal: a full disk, a device that failed.
  const isPassing = error instanceof StoreError && error.code === 'unwritable'
  if ((error instanceof StartError || error instanceof StoreError) && !isPassing) refuse([error])
  process.stderr.write(
    `[STARTUP] ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  process.exit(EXIT_FAILED)
})
