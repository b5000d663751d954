/** A duration for people: `38 ms`, `2.4 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours === 0) return `${minutes} min ${seconds % 60} s`
  const days = Math.floor(hours / 24)
  return days === 0 ? `${hours} h ${minutes % 60} min` : `${days} d ${hours % 24} h`
}

/** `1 node`, `3 nodes`, `2 entries`. */
export const count = (number: number, noun: string, plural = `${noun}s`): string =>
  `${number} ${number === 1 ? noun : plural}`

/** An amount of bytes for people: `812 B`, `12.3 KiB`, `2.1 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const isKibi = bytes < 1024 * 1024
  return `${(bytes / (isKibi ? 1024 : 1024 * 1024)).toFixed(1)} ${isKibi ? 'KiB' : 'MiB'}`
}
