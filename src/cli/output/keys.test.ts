import { describe, expect, it } from 'vitest'
import { formatKeys } from './keys.ts'
import { plain } from './paint.ts'
import { formatRendered } from './rendered.ts'

describe('keys', () => {
  const report = {
    directory: '/a/keys',
    nodes: [
      { name: 'node1', peerId: '12D3KooWa', isNew: true },
      { name: 'node2', peerId: '12D3KooWb', isNew: false },
    ],
    tokenPath: '/a/keys/operator.token',
    isTokenNew: false,
    isDryRun: false,
  }

  it('are made or kept, and never shown', () => {
    expect(formatKeys(report, plain)).toBe(
      `Keys in /a/keys
  node1           made  12D3KooWa
  node2           kept  12D3KooWb
  operator token  kept  /a/keys/operator.token
Back them up and never commit them: they are who your nodes are.`,
    )
  })

  it('of a dry run would be made', () => {
    const text = formatKeys({ ...report, isDryRun: true }, plain)
    expect(text).toContain('node1           would be made')
    expect(text).not.toContain('Back them up')
  })
})

it('rendered files are listed, secrets only named', () => {
  const rendered = {
    directory: '/a/out',
    paths: ['node1/.env'],
    secrets: [
      { node: 'node1', variables: ['AETHEL_NODE_KEY'] },
      { node: 'node2', variables: [] },
    ],
    isDryRun: false,
  }
  expect(formatRendered(rendered, plain)).toBe(
    `✔ 1 file written to /a/out
  node1/.env
  node1 is also given, as secrets: AETHEL_NODE_KEY`,
  )
  expect(formatRendered({ ...rendered, isDryRun: true }, plain)).toContain('would be written')
})
