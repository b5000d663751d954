/** Has one thing done at a time, in the order asked for; one that fails holds up none behind it. */
export function inTurn(): <T>(act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return async (act) => {
    const turn = last.then(act)
    last = turn.catch(() => {})
    return turn
  }
}
