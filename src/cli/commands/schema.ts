import { inventoryJsonSchema } from '../../ops/inventory/schema.ts'
import type { App, Outcome } from '../command.ts'

export async function schema(_app: App): Promise<Outcome> {
  const json = inventoryJsonSchema()
  return { exit: 'done', json, text: () => JSON.stringify(json, null, 2) }
}
