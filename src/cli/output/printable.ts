/** What a terminal obeys, but for line ends and tabs: control characters, and marks that turn text around. */
const OBEYED = /(?![\n\t])\p{Cc}\[[\d;]*m|(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu

/**
 * Text that cannot take over a terminal, wherever it came from: of all that a terminal obeys, only
 * colours pass, and only where colours are wanted.
 */
export const printable = (text: string, hasColour: boolean): string =>
  text.replace(OBEYED, (found) => {
    if (found.startsWith('\u001b[')) return hasColour ? found : ''
    return `�${found.slice(1)}`
  })

/**
 * Text of unknown origin as a part of one line: what would end the line, turn it around, colour it or
 * look like nothing is written out.
 */
export const onOneLine = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Cf}]/gu,
    (found) => `\\u{${found.codePointAt(0)?.toString(16) ?? ''}}`,
  )
