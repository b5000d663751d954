import type { ExitName } from '../ops/errors.ts'
import type { Phase } from '../ops/inventory/inventory.ts'
import type { Paint } from './output/paint.ts'
import type { Screen } from './output/screen.ts'

/**
 * The face of the program. The room `cli` owns the command line: what can be asked, what is shown,
 * which exit code tells how it went. It must not decide anything about a lattice (that is `ops`).
 * A command returns what came of it as a value; only main.ts prints that value and ends the process,
 * so that `--json` is one document whatever happens.
 */
export type Run = (app: App) => Promise<Outcome>

/** What a command is given. */
export interface App {
  readonly options: GlobalOptions
  /** Absolute path of the installed package: dist/ and package.json lie in it. */
  readonly home: string
  /** How this program is called from where the operator stands: `aethel-lattice`, `node bin/…`. */
  readonly calledAs: string
  /** Aborts when the operator interrupts; its reason is what to throw. */
  readonly signal: AbortSignal
  readonly screen: Screen
}

/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  /** nodes.yaml as the operator named it. */
  readonly file: string
  readonly phase: Phase
  /** One JSON document on stdout and nothing else there. */
  readonly json: boolean
  /** What would be asked is answered with yes. */
  readonly yes: boolean
  /** False: nothing is asked; what would be asked is refused. */
  readonly input: boolean
  /** Changes nothing, says what it would do. */
  readonly dryRun: boolean
  /** The command as it was called, for headers: `deploy`. */
  readonly command: string
}

/** What came of a command. */
export interface Outcome {
  exit: ExitName
  /** The document of `--json`. */
  json: object
  /** The same for people, without a line end; empty: nothing more to say. */
  text: (paint: Paint) => string
}
