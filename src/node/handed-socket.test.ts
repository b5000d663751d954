import { expect, test } from 'vitest'
import { handedSocket } from './handed-socket.ts'

const PID = 4711

test.for([
  ['nothing', {}, null],
  ['one socket', { LISTEN_FDS: '1', LISTEN_PID: '4711' }, 3],
  ['one socket with a name', { LISTEN_FDS: '1', LISTEN_PID: '4711', LISTEN_FDNAMES: 'http' }, 3],
] as const)('%s was handed over', ([_what, environment, descriptor]) => {
  expect(handedSocket(environment, PID)).toBe(descriptor)
})

test.for([
  ['to another process', { LISTEN_FDS: '1', LISTEN_PID: '1' }, /LISTEN_PID is "1".*process 4711/],
  ['to nobody', { LISTEN_FDS: '1' }, /LISTEN_PID is not set/],
  ['in no number', { LISTEN_PID: '4711' }, /LISTEN_FDS is not set/],
  ['two at once', { LISTEN_FDS: '2', LISTEN_PID: '4711' }, /LISTEN_FDS is "2".*exactly one/],
  ['none, by name', { LISTEN_FDS: '0', LISTEN_PID: '4711' }, /LISTEN_FDS is "0"/],
  ['as a word', { LISTEN_FDS: 'one', LISTEN_PID: '4711' }, /LISTEN_FDS is "one"/],
] as const)('a socket that was handed over %s is refused', ([_what, environment, message]) => {
  expect(() => handedSocket(environment, PID)).toThrow(message)
})
