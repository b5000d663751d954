import type { ReleaseRow } from '../../ops/rollout/plan-releases.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

export function formatReleases(rows: readonly ReleaseRow[], paint: Paint): string {
  if (rows.length === 0) return 'No release was deployed yet.'
  const heads = ['release', 'version', 'settings', 'proven', 'runs on'].map(paint.faint)
  return table(
    [
      heads,
      ...rows.map(({ id, version, settings, provenAt, isWithdrawn, currentOn }) => [
        id,
        version,
        settings ?? '',
        provenAt === null
          ? paint.unsure('never')
          : `${provenAt.slice(0, 16).replace('T', ' ')} UTC${isWithdrawn ? paint.unsure(' (rolled back from)') : ''}`,
        currentOn.join(', '),
      ]),
    ],
    '  ',
  )
}
