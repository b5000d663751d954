import { expect, test } from 'vitest'
import { paths } from '../../wire/protocol.ts'
import { serve, type Served } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

interface Family {
  type: string
  help: string
  samples: Map<string, number>
}

/** Prometheus' text format, strictly: every sample under its own HELP and TYPE. */
function parseMetrics(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  let current = ''
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      expect(families.has(name)).toBe(false)
      families.set(name, { type: '', help: rest, samples: new Map() })
      current = name
    } else if (keyword === 'TYPE') {
      expect(name).toBe(current)
      ;(families.get(name) as Family).type = rest
    } else {
      const sample = /^([a-z_0-9]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$/.exec(line)
      expect(sample?.[0]).toBe(line)
      const [, full = '', labels = '', value = ''] = sample ?? []
      expect(full.replace(/_(bucket|sum|count)$/, '')).toBe(current)
      families.get(current)?.samples.set(full + labels, Number(value))
    }
  }
  return families
}

async function scrape({ get }: Served): Promise<Map<string, Family>> {
  const answer = await get(paths.metrics)
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  return parseMetrics(await answer.text())
}

const samplesOf = (families: Map<string, Family>, name: string): Record<string, number> =>
  Object.fromEntries(families.get(`aethel_lattice_${name}`)?.samples ?? [])

test('what monitoring relies on is there, typed and prefixed', async () => {
  const served = await serve()
  await served.node.submit([{ kind: 'noop', note: '' }])
  const families = await scrape(served)
  for (const [name, family] of families) {
    expect(name).toMatch(/^aethel_lattice_[a-z_0-9]+$/)
    expect(family.help).not.toBe('')
    const isHistogram = name.endsWith('request_duration_seconds')
    const type = name.endsWith('_total') ? 'counter' : isHistogram ? 'histogram' : 'gauge'
    expect([name, family.type]).toEqual([name, type])
  }
  const value = (name: string) => samplesOf(families, name)
  expect(value('build_info')).toEqual({
    'aethel_lattice_build_info{version="0.1.0",release="r0123456789ab",node="alpha"}': 1,
  })
  expect(value('peers')).toEqual({
    'aethel_lattice_peers{transport="P2P"}': 2,
    'aethel_lattice_peers{transport="HTTP"}': 0,
    'aethel_lattice_peers{transport="NONE"}': 0,
  })
  expect(value('sync_mode')).toEqual({
    'aethel_lattice_sync_mode{mode="P2P"}': 1,
    'aethel_lattice_sync_mode{mode="HTTP"}': 0,
    'aethel_lattice_sync_mode{mode="NONE"}': 0,
  })
  expect(value('p2p_enabled')).toEqual({ aethel_lattice_p2p_enabled: 1 })
  expect(value('http_sync_enabled')).toEqual({ aethel_lattice_http_sync_enabled: 1 })
  expect(value('mode_transitions_total')).toEqual({
    'aethel_lattice_mode_transitions_total{from="NONE",to="P2P",reason=""}': 1,
  })
  expect(value('root_match')).toEqual({
    'aethel_lattice_root_match{peer="beta"}': 1,
    'aethel_lattice_root_match{peer="gamma"}': 1,
  })
  expect(value('entries_total')).toEqual({ aethel_lattice_entries_total: 1 })
  expect(value('entries_refused_total')).toEqual({
    'aethel_lattice_entries_refused_total{reason="bad-signature"}': 2,
  })
  expect(value('sync_exchanges_total')).toEqual({
    'aethel_lattice_sync_exchanges_total{transport="HTTP",outcome="ok"}': 4,
  })
  expect(value('store_commit_seconds_total')).toEqual({
    aethel_lattice_store_commit_seconds_total: 0.012,
  })
  expect(value('divergence_seconds')).toEqual({ aethel_lattice_divergence_seconds: 0 })
  const nowS = Date.now() / 1000
  const lastSync = value('last_sync_timestamp_seconds')[
    'aethel_lattice_last_sync_timestamp_seconds'
  ]
  expect(Math.abs((lastSync ?? 0) - (nowS - 0.9))).toBeLessThan(5)
  const heartbeat = value('heartbeat_timestamp_seconds')[
    'aethel_lattice_heartbeat_timestamp_seconds'
  ]
  expect(Math.abs((heartbeat ?? 0) - (nowS - 1.2))).toBeLessThan(5)
})

test('what was not observed has no sample, before and after it was', async () => {
  const served = await serve()
  const { node } = served
  const health = node.health()
  expect(samplesOf(await scrape(served), 'failover_duration_seconds')).toEqual({})
  node.health = () => ({ ...health, sync: { ...health.sync, last_failover_ms: 1500 } })
  expect(samplesOf(await scrape(served), 'failover_duration_seconds')).toEqual({
    aethel_lattice_failover_duration_seconds: 1.5,
  })
  node.health = () => ({
    ...health,
    sync: { ...health.sync, last_sync_ago_ms: null },
    peers: health.peers.map((peer) => ({ ...peer, root_match: null })),
  })
  const blind = await scrape(served)
  expect(samplesOf(blind, 'failover_duration_seconds')).toEqual({})
  expect(samplesOf(blind, 'last_sync_timestamp_seconds')).toEqual({})
  expect(samplesOf(blind, 'root_match')).toEqual({})
})

test('divergence is counted from the scrape that saw it', async () => {
  const served = await serve()
  const seconds = async (): Promise<number> =>
    samplesOf(await scrape(served), 'divergence_seconds')['aethel_lattice_divergence_seconds'] ?? -1
  served.node.isDiverged = true
  await seconds()
  await expect.poll(seconds).toBeGreaterThan(0)
  expect(samplesOf(await scrape(served), 'root_match')).toMatchObject({
    'aethel_lattice_root_match{peer="beta"}': 0,
  })
  served.node.isDiverged = false
  expect(await seconds()).toBe(0)
})

test('requests are timed by route, so that paths cannot make series', async () => {
  const served = await serve()
  const stream = new AbortController()
  await served.get(paths.changes, { signal: stream.signal })
  stream.abort()
  for (let index = 0; index < 20; index++) {
    await served.get(`/junk/${index}`)
    await served.get(`${paths.receipt}/${served.node.author}/${index}`)
  }
  await served.get(paths.state)
  const counts = Object.entries(samplesOf(await scrape(served), 'http_request_duration_seconds'))
    .filter(([name]) => name.includes('_count'))
    .map(([name, count]) => [name.replace(/^.*_count/, ''), count])
  expect(Object.fromEntries(counts)).toEqual({
    '{method="GET",route="none",status="404"}': 20,
    '{method="GET",route="/api/lattice/receipts/:author/:seq",status="200"}': 20,
    '{method="GET",route="/api/lattice/state",status="200"}': 1,
  })
})

test('a map of counts that grows does not grow the scrape for ever', async () => {
  const node = new FakeNode()
  const counters = node.counters()
  node.counters = () => ({
    ...counters,
    entriesRefused: new Map(Array.from({ length: 5000 }, (_, index) => [`reason-${index}`, 1])),
  })
  const families = await scrape(await serve(node))
  expect(Object.keys(samplesOf(families, 'entries_refused_total'))).toHaveLength(200)
})

test('two nodes in one process do not share metrics', async () => {
  const [one, two] = [await serve(), await serve()]
  await one.get(paths.state)
  const counted = samplesOf(await scrape(two), 'http_request_duration_seconds')
  expect(Object.keys(counted).filter((name) => name.includes(paths.state))).toEqual([])
})
