import { describe, expect, it } from 'vitest'
import { runDrill } from '../drill.ts'
import { fakeDrill } from '../fakes/drill-input.ts'
import { formatMarkdown } from './markdown.ts'
import type { DrillReport } from './report.ts'

async function reportOf(): Promise<DrillReport> {
  const { clock, input } = fakeDrill()
  return clock.run(runDrill(input))
}

describe('the report as Markdown', () => {
  it('shows verdict, figures, objectives and availability', async () => {
    const text = formatMarkdown(await reportOf())
    expect(text).toMatch(/^# Failover drill\n\n🟢 \*\*PASS\*\* in \d+\.\d s · phase local/)
    expect(text).toMatch(
      /\| p2p-stop \| node1 \| 🟢 PASS \| [\d.]+ ms \| [\d.]+ ms \(HTTP\) \| [\d.]+ ms \| [\d.]+ ms \| 0 \| 100 % \|/,
    )
    expect(text).toContain('activation ≤ 3000 ms; after the return, recovery ≤ 2000 ms')
    expect(text).toContain('0 lost; ≥ 99 % of the writes')
    expect(text).toMatch(/\| other nodes \| \d+ \| 100 % \| \\< [\d.]+ % \|/)
    expect(text).toContain('Verified before: PASS; after: PASS.')
    expect(text).not.toContain('undefined')
    expect(text).not.toContain('null')
  })

  it('shows a dash for what was not observed, and says why', async () => {
    const report = await reportOf()
    const [fault] = report.faults
    if (fault === undefined) throw new Error('no fault')
    fault.activation_ms = null
    fault.activation_via = null
    fault.writes.lost = null
    report.verdict = 'UNKNOWN'
    report.reasons = ['p2p-stop on node1: activation not observed']
    report.not_drilled = [{ kind: 'kill', node: 'node3', reason: 'not healed' }]
    const text = formatMarkdown(report)
    expect(text).toContain('❔ **UNKNOWN**')
    expect(text).toMatch(/\| p2p-stop \| node1 \| 🟢 PASS \| [\d.]+ ms \| – \|/)
    expect(text).toContain('unknown lost.')
    expect(text).toContain('Why:\n\n- p2p-stop on node1: activation not observed')
    expect(text).toContain('Not drilled:\n\n- kill on node3: not healed')
  })

  it('lets nothing that a node said become markup or a line', async () => {
    const report = await reportOf()
    report.reasons = ['# a\n| b | <img src=x> `c` [d](e)']
    const text = formatMarkdown(report)
    expect(text).toContain(String.raw`- # a \| b \| \<img src=x\> \`c\` \[d\](e)`)
  })
})
