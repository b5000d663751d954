import { expect, test } from 'vitest'
import { runCampaign } from '../chaos/campaign.ts'

/** A round of every kind of strike, and one more. */
const KILLS = 20
/** Mostly waiting: longer only where much is wrong. */
const LIMIT_MS = 600_000

test(
  'nodes killed again and again under load lose nothing that they acknowledged',
  { timeout: LIMIT_MS },
  async ({ signal }) => {
    const report = await runCampaign({ kills: KILLS, seed: 1, signal })
    expect(report.violations).toEqual([])
    expect({ verdict: report.verdict, unseen: report.unseen }).toEqual({
      verdict: 'PASS',
      unseen: [],
    })
    expect(report.kills).toBe(KILLS)
    expect(report.wipes).toBeGreaterThan(0)
  },
)
