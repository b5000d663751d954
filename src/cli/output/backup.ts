import type { RestorePlan } from '../../ops/backup/restore.ts'
import type { BackupFile } from '../../ops/backup/verify-backup.ts'
import type { DesiredLattice } from '../../ops/desired/lattice.ts'
import type { RootProof } from '../../ops/verify/root-proof.ts'
import { totalOf } from '../../wire/frontier.ts'
import type { Verdict } from '../../wire/verdict.ts'
import { count } from './amount.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'
import { formatVerdict } from './verdict.ts'

/** What is said of a backup file that was verified. */
export interface BackupDocument {
  file: string
  bytes: number
  lattice: string
  entries: number
  authors: number
  /** The signed root, recomputed from the entries, and how many of them are below it. */
  root: string
  root_entries: number
  signed_by: string
  /** By the clock of who signed. */
  signed_at: string
}

export function backupDocument(
  { path, bytes, entries, frontier, checkpoint, peerId }: BackupFile,
  { members, id }: DesiredLattice,
): BackupDocument {
  return {
    file: path,
    bytes,
    lattice: id,
    entries,
    authors: frontier.size,
    root: checkpoint.root,
    root_entries: totalOf(checkpoint.frontier),
    signed_by: members.find((member) => member.peerId === peerId)?.name ?? peerId,
    signed_at: new Date(checkpoint.wallMs).toISOString(),
  }
}

export function formatBackup(document: BackupDocument, what: string, paint: Paint): string {
  const { file, bytes, entries, authors, root, root_entries, signed_by, signed_at } = document
  return [
    `${paint.good('✔')} ${file}, ${what}: ${count(entries, 'entry', 'entries')} of ${count(authors, 'author')}, ${count(bytes, 'byte')}`,
    table(
      [
        ['every signature and chain', 'verified'],
        ['root', `${root} over ${count(root_entries, 'entry', 'entries')}, recomputed`],
        ['signed', `by ${signed_by} at ${signed_at}`],
      ].map(([name = '', value = '']) => [paint.faint(name), value]),
      '  ',
    ),
  ].join('\n')
}

/** What other nodes had signed before the backup began and it does not hold; and who was not heard. */
export interface Lag {
  lacking: readonly { node: string; entries: number }[]
  silent: readonly string[]
}

export const formatLag = ({ lacking, silent }: Lag, paint: Paint): string[] => [
  ...lacking.map(
    ({ node, entries }) =>
      `${paint.unsure('!')} ${node} held ${count(entries, 'more entry', 'more entries')}: back up that node, or try again`,
  ),
  ...silent.map(
    (node) => `${paint.unsure('?')} ${node} did not answer: whether it holds more is not known`,
  ),
]

export function formatRestorePlan(node: string, plan: RestorePlan, paint: Paint): string {
  const { heldEntries, missingEntries, missingSeals } = plan
  const held = `${node} holds ${count(heldEntries, 'entry', 'entries')}`
  if (missingEntries + missingSeals === 0) {
    return `${paint.faint('=')} ${held}, and lacks nothing of the backup`
  }
  const seals = missingSeals === 0 ? '' : ` and ${count(missingSeals, 'end')} of logs`
  return `${paint.unsure('→')} ${held}; ${count(missingEntries, 'entry', 'entries')}${seals} of the backup would be brought to it`
}

/** What a node was held to, and what came of it. */
export interface Proven {
  verdict: Verdict
  /** What was done. */
  done: string
  proofs: readonly RootProof[]
  unchecked: readonly string[]
}

export function formatProofs({ verdict, done, proofs, unchecked }: Proven, paint: Paint): string {
  const rows = proofs.map((proof) => [
    formatVerdict(proof.verdict, paint),
    proof.about,
    proof.message,
  ])
  return [
    table(rows, '  '),
    '',
    `${formatVerdict(verdict, paint)}: ${done}.`,
    ...(verdict === 'FAIL' ? [lostHint] : []),
    ...unchecked.map((reason) => `Not checked: ${reason}`),
  ].join('\n')
}

const lostHint =
  'What is missing can only come from another node or a newer backup: see "aethel-lattice status", then run this again.'
