import {
  ACCOUNT_CHARS_MAX,
  AMOUNT_MAX,
  INTENT_CHARS_MAX,
  INTENTS_PER_SUBMISSION_MAX,
  NOTE_CHARS_MAX,
} from './limits.ts'

/** What an entry asks of the ledger. Amounts are whole minor units. */
export type Intent =
  | { kind: 'issue'; to: string; amount: number }
  | { kind: 'transfer'; from: string; to: string; amount: number }
  | { kind: 'noop'; note: string }

/** The accounts that an intent names, each once. */
export function accountsOf(intent: Intent): readonly string[] {
  switch (intent.kind) {
    case 'issue':
      return [intent.to]
    case 'transfer':
      return [intent.from, intent.to]
    case 'noop':
      return []
  }
}

/** Why a text is no intent: where (1-based), what, and what would be right. */
export class IntentError extends Error {
  override readonly name = 'IntentError'
  readonly line: number
  readonly column: number
  readonly hint: string

  constructor(text: string, offset: number, message: string, hint: string) {
    const before = text.slice(0, offset).split('\n')
    const line = before.length
    const column = (before.at(-1) ?? '').length + 1
    super(`line ${line}, column ${column}: ${message}`)
    this.line = line
    this.column = column
    this.hint = hint
  }
}

const ACCOUNT = /^[\p{L}_][\p{L}\p{N}_.@-]*$/u

/** Whether a text can name an account: letters first, then letters, digits and `_ . @ -`. */
export const isAccountName = (name: string): boolean =>
  name.length <= ACCOUNT_CHARS_MAX &&
  ACCOUNT.test(name) &&
  name.normalize('NFC') === name &&
  name !== '__proto__'

export const isAmount = (amount: number): boolean =>
  Number.isSafeInteger(amount) && amount > 0 && amount <= AMOUNT_MAX

export const isNote = (note: string): boolean =>
  note.length <= NOTE_CHARS_MAX && !/\p{Cc}/u.test(note)

const EXAMPLE = 'intent transfer { from: Alice, to: Bob, amount: 100 }'

const fieldsOf = {
  issue: ['to', 'amount'],
  transfer: ['from', 'to', 'amount'],
  noop: ['note'],
} as const
type Kind = keyof typeof fieldsOf

interface Token {
  text: string
  offset: number
  quoted: boolean
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  const pattern = /\s+|\/\/[^\n]*|"([^"\n]*)"|([{}:,;])|([^\s{}:,;"]+)|(.)/gsu
  for (const match of text.matchAll(pattern)) {
    const [whole, quoted, mark, word, odd] = match
    if (odd !== undefined)
      throw new IntentError(
        text,
        match.index,
        `unexpected ${JSON.stringify(odd)}`,
        `write ${EXAMPLE}`,
      )
    if (quoted !== undefined) tokens.push({ text: quoted, offset: match.index, quoted: true })
    else if (mark !== undefined || word !== undefined)
      tokens.push({ text: whole, offset: match.index, quoted: false })
  }
  return tokens
}

/**
 * The intents of a text such as `intent transfer { from: Alice, to: Bob, amount: 100 }`; several may
 * follow each other. Throws `IntentError` with line, column and a hint.
 */
export function parseIntents(text: string): Intent[] {
  if (text.length > INTENT_CHARS_MAX) {
    throw new IntentError(
      text,
      0,
      `${text.length} characters, at most ${INTENT_CHARS_MAX}`,
      'send fewer intents at a time',
    )
  }
  const tokens = tokenize(text)
  let position = 0
  const fail = (message: string, hint: string): never => {
    throw new IntentError(text, tokens[position]?.offset ?? text.length, message, hint)
  }
  const found = (): string =>
    tokens[position] === undefined ? 'the end of the text' : JSON.stringify(tokens[position]?.text)
  const isMark = (mark: string): boolean =>
    tokens[position]?.text === mark && tokens[position]?.quoted === false
  const expect = (mark: string): void => {
    if (!isMark(mark))
      fail(`expected ${JSON.stringify(mark)}, found ${found()}`, `write ${EXAMPLE}`)
    position += 1
  }

  const readFields = (kind: Kind): Map<string, string> => {
    const wanted: readonly string[] = fieldsOf[kind]
    const fields = new Map<string, string>()
    expect('{')
    while (!isMark('}')) {
      const name = tokens[position]
      if (name === undefined) return fail('the intent is not closed', 'add "}"')
      if (!wanted.includes(name.text))
        fail(`unknown field ${JSON.stringify(name.text)}`, `${kind} takes ${wanted.join(', ')}`)
      if (fields.has(name.text)) fail(`${name.text} stands twice`, 'give each field once')
      position += 1
      expect(':')
      const value = tokens[position]
      if (value === undefined || (!value.quoted && /^[{}:,;]$/.test(value.text))) {
        return fail(`${name.text} has no value`, `write ${EXAMPLE}`)
      }
      checkField(name.text, value.text, (message, hint) => fail(message, hint))
      fields.set(name.text, value.text)
      position += 1
      if (isMark(',') || isMark(';')) position += 1
      else if (!isMark('}')) fail(`expected "," or "}", found ${found()}`, `write ${EXAMPLE}`)
    }
    const missing = wanted.filter((name) => name !== 'note' && !fields.has(name))
    if (missing.length > 0) fail(`${kind} lacks ${missing.join(', ')}`, `write ${EXAMPLE}`)
    position += 1
    return fields
  }

  const intents: Intent[] = []
  while (position < tokens.length) {
    if (tokens[position]?.text !== 'intent')
      fail(`expected "intent", found ${found()}`, `write ${EXAMPLE}`)
    position += 1
    const kind = tokens[position]?.text ?? ''
    if (!Object.hasOwn(fieldsOf, kind))
      fail(`unknown intent ${found()}`, `known: ${Object.keys(fieldsOf).join(', ')}`)
    position += 1
    const at = position
    const intent = intentOf(kind as Kind, readFields(kind as Kind))
    if (intent.kind === 'transfer' && intent.from === intent.to) {
      position = at
      fail(`${intent.from} cannot transfer to itself`, 'name two accounts')
    }
    intents.push(intent)
    if (intents.length > INTENTS_PER_SUBMISSION_MAX)
      fail('too many intents', `send at most ${INTENTS_PER_SUBMISSION_MAX} at a time`)
  }
  if (intents.length === 0) fail('no intent in the text', `write ${EXAMPLE}`)
  return intents
}

function checkField(
  name: string,
  value: string,
  fail: (message: string, hint: string) => void,
): void {
  if (name === 'amount') {
    if (!/^[0-9]+$/.test(value)) {
      fail(
        `amount ${JSON.stringify(value)} is not a whole number`,
        'amounts count minor units: no sign, point or exponent',
      )
    } else if (!isAmount(Number(value))) {
      fail(`amount ${value} is out of range`, `1 to ${AMOUNT_MAX}`)
    }
  } else if (name === 'note') {
    if (!isNote(value))
      fail(
        'the note is too long or holds control characters',
        `at most ${NOTE_CHARS_MAX} characters`,
      )
  } else if (!isAccountName(value)) {
    fail(
      `${JSON.stringify(value)} cannot name an account`,
      'letters first, then letters, digits, "_", ".", "@", "-"',
    )
  }
}

function intentOf(kind: Kind, fields: ReadonlyMap<string, string>): Intent {
  const text = (name: string): string => fields.get(name) ?? ''
  switch (kind) {
    case 'issue':
      return { kind, to: text('to'), amount: Number(text('amount')) }
    case 'transfer':
      return { kind, from: text('from'), to: text('to'), amount: Number(text('amount')) }
    case 'noop':
      return { kind, note: text('note') }
  }
}

/** The text of an intent, which parses back to it. */
export function formatIntent(intent: Intent): string {
  switch (intent.kind) {
    case 'issue':
      return `intent issue { to: ${intent.to}, amount: ${intent.amount} }`
    case 'transfer':
      return `intent transfer { from: ${intent.from}, to: ${intent.to}, amount: ${intent.amount} }`
    case 'noop':
      return intent.note === '' ? 'intent noop { }' : `intent noop { note: "${intent.note}" }`
  }
}
