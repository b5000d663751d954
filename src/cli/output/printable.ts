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
