import { faviconOf, formatAge, headlineOf, REFRESH_MS } from './headline.js'
import { EventLog, readHealth, readNetwork, readSubmit } from './node-client.js'

/** Shows what the node last said and how long ago. Every text goes in as text, never as markup. */

const TICK_MS = 1_000
/** A gap between two ticks that only a sleeping or hidden page has. */
const GAP_MS = 5_000
const ROOT_CHARS_SHOWN = 12

const byId = (id) => document.getElementById(id)
const eventLog = new EventLog()
let network = null
let received = stamp()
let isChecking = true
let lastTick = stamp()
/** Texts that grow older: the element, and how old it was when the answer came. */
let ages = []

/** Two clocks: one stands still while the machine sleeps, the other jumps when it is set. */
function stamp() {
  return { wallMs: Date.now(), monoMs: performance.now() }
}

const since = ({ wallMs, monoMs }) => Math.max(0, Date.now() - wallMs, performance.now() - monoMs)

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...[content].flat())
  return made
}

function age(ms, suffix = ' ago') {
  if (ms === null) return element('span', 'never')
  const made = element('span', formatAge(ms) + suffix)
  ages.push({ made, ms, suffix })
  return made
}

function showHeadline() {
  // A tab in the background may be slowed or frozen at any moment: it claims nothing good.
  const claim = headlineOf(network, since(received), isChecking)
  const isUnwatched = document.hidden && claim.tone === 'good'
  const { tone, text, title, freshness, isOld } = isUnwatched
    ? headlineOf(network, since(received), true)
    : claim
  const { body } = document
  if (byId('verdict').textContent !== text) byId('verdict').textContent = text
  byId('freshness').textContent = freshness
  document.title = title
  if (body.dataset.tone !== tone) byId('favicon').setAttribute('href', faviconOf(tone))
  body.dataset.tone = tone
  body.dataset.age = isOld ? 'old' : 'fresh'
}

function showHealth(health) {
  const { sync, heartbeat, ledger, node, fault } = health
  const root = ledger.merkle_root
  const facts = [
    ['Mode', `${sync.active}, policy ${sync.policy}`],
    ['Because', sync.reason],
    ['Since', age(sync.since_ms)],
    ['Health', health.overall],
    ['Heartbeat', heartbeat.active ? age(heartbeat.age_ms) : '✕ not active'],
    ['Last sync', age(sync.last_sync_ago_ms)],
    ['Entries', String(ledger.entries)],
    ['Last entry', age(ledger.last_entry_ago_ms)],
    ['Accounts', String(ledger.accounts)],
    [
      'Merkle root',
      root === null
        ? '✕ none'
        : element('code', `${root.slice(0, ROOT_CHARS_SHOWN)}…`, {
            title: root,
          }),
    ],
    ['Release', node.release],
    ['Running for', age(node.uptime_ms, '')],
  ]
  if (sync.reverts_in_ms !== null) {
    facts.push([
      'Policy reverts',
      `to ${sync.configured_policy} in ${formatAge(sync.reverts_in_ms)}`,
    ])
  }
  byId('facts').replaceChildren(
    ...facts.map(([name, value]) => element('div', [element('dt', name), element('dd', value)])),
  )
  byId('fault').hidden = fault === null
  byId('fault').textContent =
    fault === null ? '' : `⚠ A drill is on: ${fault.kind}, ends in ${formatAge(fault.ends_in_ms)}`
}

const links = { P2P: '● P2P', HTTP: '▲ HTTP', NONE: '✕ no route' }

function peerRow(peer) {
  const { p2p, http } = peer
  const heardMs = peer.transport === 'HTTP' ? http.ok_ago_ms : p2p.heard_ago_ms
  const rttMs = peer.transport === 'HTTP' ? http.rtt_ms : p2p.rtt_ms
  const match = { true: '✓ same', false: '✗ differs', null: '? not compared' }
  const cells = [
    ['Link', links[peer.transport] ?? '?'],
    ['Last heard', age(heardMs)],
    ['Round trip', rttMs === null ? '?' : `${rttMs.toFixed(1)} ms`],
    ['P2P', p2p.state],
    ['HTTP', http.error === null ? http.state : `${http.state}: ${http.error}`],
    ['Entries', peer.entries === null ? '?' : String(peer.entries)],
    ['Root', match[String(peer.root_match)] ?? '?'],
  ]
  return element(
    'tr',
    [
      element('th', peer.name, { scope: 'row', role: 'rowheader', title: peer.url }),
      ...cells.map(([label, value]) => element('td', value, { role: 'cell', 'data-label': label })),
    ],
    { role: 'row' },
  )
}

function showEvents(events) {
  byId('no-events').hidden = events.length > 0
  byId('events').replaceChildren(
    ...events.map((event) =>
      element('li', [
        age(performance.now() - event.atMs),
        element('span', event.kind),
        element('span', event.message),
      ]),
    ),
  )
}

function showExample(submit) {
  const token = submit === 'token' ? `  -H "authorization: Bearer $TOKEN" \\\n` : ''
  byId('example').textContent =
    `curl -s ${location.origin}/api/verify \\\n` +
    `  -H "content-type: application/json" \\\n${token}` +
    `  -d '{"code": "intent transfer { from: Alice, to: Bob, amount: 100 }"}'`
}

async function refresh() {
  try {
    const [verdict, health] = await Promise.all([readNetwork(), readHealth()])
    network = verdict
    received = stamp()
    ages = []
    byId('served-by').textContent = verdict.served_by
    byId('basis').textContent = `Judged from ${verdict.basis}.`
    showHealth(health)
    byId('peers').replaceChildren(...health.peers.map(peerRow))
    void eventLog.read(health.node.instance).then(showEvents, () => {})
  } catch {
    // What was shown stays, and grows old.
  }
  isChecking = false
  showHeadline()
}

function tick() {
  if (since(lastTick) > GAP_MS) isChecking = true
  lastTick = stamp()
  const elapsedMs = since(received)
  for (const { made, ms, suffix } of ages) made.textContent = formatAge(ms + elapsedMs) + suffix
  showHeadline()
}

function check() {
  isChecking = true
  tick()
}

async function follow() {
  for (;;) {
    await refresh()
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS))
  }
}

showExample('token')
readSubmit().then(showExample, () => {})
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && since(received) > GAP_MS) isChecking = true
  tick()
})
addEventListener('online', check)
setInterval(tick, TICK_MS)
void follow()
