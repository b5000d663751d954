import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Question } from '../../src/ops/ssh/authentication.ts'
import { connect } from '../../src/ops/ssh/connection.ts'
import { freePorts } from '../free-ports.ts'
import { clientHome, refusalOf, type ClientHome } from './client-home.ts'
import { makeKey } from './sshd.ts'

/** sshd takes passwords of real users only, so the server here is ssh2's own. */

const { signal } = new AbortController()
const PASSWORD = 'hunter2 with spaces'
let home: ClientHome
let port: number
let server: InstanceType<typeof ssh2.Server>
let methods: ('password' | 'keyboard-interactive')[] = []

beforeAll(async () => {
  home = clientHome()
  const key = makeKey(join(home.path, 'host'))
  port = await freePorts(1)
  server = new ssh2.Server({ hostKeys: [readFileSync(key.path)] }, (client) => {
    client.on('error', () => {})
    client.on('authentication', (context) => {
      if (context.method === 'password' && methods.includes('password')) {
        if (context.password === PASSWORD) context.accept()
        else context.reject(methods)
      } else if (context.method === 'keyboard-interactive' && methods.includes(context.method)) {
        const prompts = [
          { prompt: 'Password:\u001b[31m ', echo: false },
          { prompt: 'Colour? ', echo: true },
        ]
        context.prompt(prompts, (answers) => {
          if (answers.join('|') === `${PASSWORD}|blue`) context.accept()
          else context.reject(methods)
        })
      } else {
        context.reject(methods)
      }
    })
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  home.know({ port, hostKeys: new Map([['ed25519', key]]) })
})
afterAll(() => {
  server?.close()
  home?.remove()
})
beforeEach(() => {
  methods = []
})

const target = () => home.target({ port, user: 'ann' }, { identityFiles: [], agentSocket: null })

function answering(...answers: readonly string[]) {
  const asked: Question[] = []
  return {
    asked,
    prompt: async (question: Question): Promise<string> => {
      asked.push(question)
      return answers[asked.length - 1] ?? 'asked too often'
    },
  }
}

describe('a password', () => {
  it('is asked for, three times at most', async () => {
    methods = ['password']
    const { asked, prompt } = answering('wrong', 'wrong', PASSWORD)
    await (await connect(target(), { signal, prompt })).close()
    expect(asked).toHaveLength(3)
    expect(asked[0]).toEqual({ text: 'password of ann@127.0.0.1', isSecret: true })
  })

  it('is never part of an error', async () => {
    methods = ['password']
    const { asked, prompt } = answering(...Array.from({ length: 9 }, () => 'wrong-secret'))
    const error = await refusalOf(connect(target(), { signal, prompt }))
    expect(asked).toHaveLength(3)
    expect(error.message).toContain('Tried: password; password; password')
    expect(JSON.stringify([error, error.message, error.hint, error.stack])).not.toContain('secret')
  })

  it('is not asked for where nobody can be, which is told', async () => {
    methods = ['password', 'keyboard-interactive']
    const error = await refusalOf(connect(target(), { signal }))
    expect(error.message).toContain('password: not tried, nobody can be asked')
    expect(error.message).toContain('keyboard-interactive: not tried, nobody can be asked')
  })

  it('is not asked for by a server that takes none', async () => {
    const { asked, prompt } = answering()
    await refusalOf(connect(target(), { signal, prompt }))
    expect(asked).toEqual([])
  })
})

it('a server’s own questions are put, without what a terminal obeys', async () => {
  methods = ['keyboard-interactive']
  const { asked, prompt } = answering(PASSWORD, 'green', PASSWORD, 'blue')
  await (await connect(target(), { signal, prompt })).close()
  expect(asked.slice(0, 2)).toEqual([
    { text: 'Password: [31m', isSecret: true },
    { text: 'Colour?', isSecret: false },
  ])
  expect(asked).toHaveLength(4)
})

it('an operator who answers no question ends it', async () => {
  methods = ['keyboard-interactive', 'password']
  let asked = 0
  const prompt = async (): Promise<string> => {
    asked += 1
    throw new Error('Ctrl-C')
  }
  await expect(connect(target(), { signal, prompt })).rejects.toThrow('Ctrl-C')
  expect(asked).toBe(1)
})
