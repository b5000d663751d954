import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sendRaw, serve } from './server.fixture.ts'
import { FakeNode } from './service.fixture.ts'

/** The files of the room `page`, as the build copies them. */
const pageDir = join(import.meta.dirname, '../../page/public')
const files = readdirSync(pageDir)
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

const servePage = () => serve(new FakeNode(), { pageDir })

test.each([
  [BROWSER, 'text/html; charset=utf-8'],
  ['*/*', 'text/html; charset=utf-8'],
  ['application/json', 'application/json; charset=utf-8'],
  ['application/json, text/plain, */*', 'application/json; charset=utf-8'],
  ['text/html, application/json', 'text/html; charset=utf-8'],
])('GET / for %s is %s', async (accept, type) => {
  const { get } = await servePage()
  const answer = await get('/', { headers: { accept } })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type])
  expect(answer.headers.get('vary')).toBe('accept')
})

test('without a page directory everyone gets JSON', async () => {
  const { get } = await serve()
  const answer = await get('/', { headers: { accept: BROWSER } })
  expect(await answer.json()).toMatchObject({ name: 'aethel-lattice', status: 'operational' })
  expect((await get('/page.js')).status).toBe(404)
})

test('the page may run its own files only, and be framed by itself and the hub only', async () => {
  const { get } = await servePage()
  const policy = (await get('/')).headers.get('content-security-policy') ?? ''
  const rules = Object.fromEntries(
    policy.split('; ').map((rule) => [rule.split(' ')[0], rule.split(' ').slice(1).join(' ')]),
  )
  expect(rules).toMatchObject({
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'connect-src': "'self'",
    'frame-ancestors': "'self' https://huggingface.co",
  })
  const html = readFileSync(join(pageDir, 'index.html'), 'utf8')
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|\bon[a-z]+=|\bstyle=|<style|javascript:/)
  const scripts = files.filter((file) => file.endsWith('.js'))
  for (const file of scripts) {
    expect(readFileSync(join(pageDir, file), 'utf8')).not.toMatch(/innerHTML|outerHTML|eval\(/)
  }
})

test('every file of the page is served with its type, and by its tag again', async () => {
  const { get } = await servePage()
  const types: Record<string, string> = {
    css: 'text/css',
    html: 'text/html',
    js: 'text/javascript',
  }
  for (const file of files) {
    const answer = await get(`/${file}`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe(
      `${types[file.split('.').at(-1) ?? '']}; charset=utf-8`,
    )
    expect(await answer.text()).toBe(readFileSync(join(pageDir, file), 'utf8'))
    const again = await get(`/${file}`, {
      headers: { 'if-none-match': answer.headers.get('etag') ?? '' },
    })
    expect([again.status, await again.text()]).toEqual([304, ''])
  }
})

test('what the page refers to is there', async () => {
  const { get } = await servePage()
  const named = files.flatMap((file) =>
    [
      ...readFileSync(join(pageDir, file), 'utf8').matchAll(
        /(?:src|href)="([^":]+)"|from '\.\/([^']+)'|['`](\/api\/[a-z/]+)/g,
      ),
    ].map(
      ([, attribute, module, path]) => attribute ?? (module === undefined ? path : `/${module}`),
    ),
  )
  expect(named).toContain('page.css')
  expect(named).toContain('/headline.js')
  expect(named).toContain('/api/lattice/network')
  for (const name of new Set(named)) {
    const path = name?.startsWith('/') === true ? name : `/${name}`
    const method = path === '/api/verify' ? 'OPTIONS' : 'GET'
    expect([path, (await get(path, { method })).ok]).toEqual([path, true])
  }
})

test.each(['/../page.css', '/..%2fREADME.md', '/page.css/..', '/.page.css', '/PAGE.CSS', '/%2e/x'])(
  'GET %s finds nothing',
  async (path) => {
    const { port } = await servePage()
    const answer = await sendRaw(
      port,
      `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    )
    expect(answer.status).toBe(404)
  },
)
