/** Asks the node that served this page. A proxy's HTML, a refusal or half an answer is no answer. */

const ANSWER_MS_MAX = 4_000
const EVENTS_PER_PAGE = 1_000
const EVENT_PAGES_MAX = 5
const EVENTS_SHOWN = 50

async function read(path) {
  const answer = await fetch(path, {
    cache: 'no-store',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  })
  if (!answer.headers.get('content-type')?.startsWith('application/json')) {
    throw new Error(`${path}: not an answer of a node`)
  }
  return answer.json()
}

export async function readNetwork() {
  const network = await read('/api/lattice/network')
  if (typeof network.text !== 'string' || typeof network.served_by !== 'string') {
    throw new Error('not a verdict')
  }
  return network
}

/** An unhealthy node says so with a 503 that has the same body. */
export async function readHealth() {
  const health = await read('/api/lattice/health')
  if (typeof health.overall !== 'string' || !Array.isArray(health.peers)) {
    throw new Error('not a health')
  }
  return health
}

/** Whether a transfer needs a token here. */
export async function readSubmit() {
  return (await read('/api/status')).submit
}

/** Follows the node's events; keeps the newest. Another process of the node may count from the start. */
export class EventLog {
  #next = 0
  #instance = ''
  #newest = []

  /** @param {string} instance id of the node's process */
  async read(instance) {
    if (instance !== this.#instance) {
      this.#instance = instance
      this.#next = 0
      this.#newest = []
    }
    for (let page = 0; page < EVENT_PAGES_MAX; page++) {
      const { events, next } = await read(
        `/api/lattice/events?since=${this.#next}&limit=${EVENTS_PER_PAGE}`,
      )
      const receivedMs = performance.now()
      this.#next = next
      const aged = events.map((event) => ({ ...event, atMs: receivedMs - event.age_ms }))
      this.#newest = [...this.#newest, ...aged].slice(-EVENTS_SHOWN)
      if (events.length < EVENTS_PER_PAGE) break
    }
    return this.#newest.toReversed()
  }
}
