import { readFile } from 'node:fs/promises'
import { writeWhole } from '../../host/durable-file.ts'
import { FencedError } from '../errors.ts'
import type { Layout } from './layout.ts'

/**
 * Remembers the newest lock that acted on the node `name`. Between this look and the act a slower
 * command may still slip in; it then acts on whole generations as well, and the newer one observes
 * again.
 *
 * @throws FencedError when a newer lock acted here before
 */
export async function passFence(layout: Layout, name: string, fence: number): Promise<void> {
  const text = await readFile(layout.fence, 'utf8').catch(() => '0')
  const newest = Number.parseInt(text)
  if (fence < newest) throw new FencedError(name, fence, newest)
  if (fence > newest) await writeWhole(layout.fence, `${fence}\n`, 0o600)
}
