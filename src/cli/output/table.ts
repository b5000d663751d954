import { stripVTControlCharacters } from 'node:util'

/** Rows in columns, two spaces between them; the last column is not padded. */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, widthOf(cell))
    }
  }
  return rows
    .map((row) =>
      `${indent}${row
        .map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - widthOf(cell)))
        .join('  ')}`.trimEnd(),
    )
    .join('\n')
}

const widthOf = (cell: string): number => Array.from(stripVTControlCharacters(cell)).length

/** Every line of `text` behind `by`. */
export const indented = (text: string, by: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? line : by + line))
    .join('\n')
