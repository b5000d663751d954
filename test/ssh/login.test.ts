import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/ops/ssh/connection.ts'
import { clientHome, type ClientHome } from './client-home.ts'
import { startAgent, startSshd, type Agent, type Sshd } from './sshd.ts'

const { signal } = new AbortController()
let home: ClientHome
let server: Sshd
let agent: Agent

beforeAll(async () => {
  home = clientHome()
  server = await startSshd({ authorized: [home.key.publicLine] })
  home.know(server)
  agent = await startAgent()
  agent.add(home.key.path)
})
afterAll(async () => {
  await agent?.stop()
  await server?.stop()
  home?.remove()
})

describe('logging in', () => {
  it('works with a key of the agent', async () => {
    const target = home.target(server, {}, { identityFiles: [], agentSocket: agent.socket })
    const session = await connect(target, { signal })
    expect(session.description).toBe(`${server.user}@127.0.0.1:${server.port}`)
    expect(session.remoteAddress).toBe('127.0.0.1')
    await session.close()
  })
})
