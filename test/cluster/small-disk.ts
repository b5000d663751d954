import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MEBIBYTE = 1024 * 1024

/** _IOR('X', 125, __u32) of the kernel's ext4: stop at once, and write nothing more. */
const EXT4_IOC_SHUTDOWN = 0x80_04_58_7d
const WITHOUT_LOG_FLUSH = 2

/** A small ext4 of its own, in a file, that a test can fill and break. Needs root and a loop device. */
export class SmallDisk {
  readonly path: string
  readonly #image: string

  /** The one that `make` made at `path`. */
  constructor(path: string) {
    this.path = path
    this.#image = `${path}.ext4`
  }

  /** Makes it and mounts it at `path`. Throws when this machine does not let us. */
  static make(path: string, mebibytes: number): SmallDisk {
    const disk = new SmallDisk(path)
    writeFileSync(disk.#image, '')
    truncateSync(disk.#image, mebibytes * MEBIBYTE)
    run('mkfs.ext4', '-q', '-m', '0', disk.#image)
    mkdirSync(path, { recursive: true })
    disk.mount()
    return disk
  }

  /** As a machine does at its start: what the journal holds is applied. */
  mount(): void {
    run('mount', '-o', 'loop,errors=remount-ro', this.#image, this.path)
  }

  unmount(): void {
    run('umount', this.path)
  }

  /** Leaves `bytesLeft` at most to everyone else. */
  fill(bytesLeft: number): void {
    const { bavail, bsize } = statfsSync(this.path)
    const bytes = bavail * bsize - bytesLeft
    if (bytes > 0) run('fallocate', '-l', String(bytes), this.#filler)
    // What the extents of the filler itself took, or left.
    const left = statfsSync(this.path)
    const rest = left.bavail * left.bsize - bytesLeft
    if (rest > 0) writeFileSync(this.#filler, new Uint8Array(rest), { flag: 'a' })
  }

  /** Gives back what `fill` took. */
  free(): void {
    rmSync(this.#filler)
  }

  /** As when the device fails: the kernel makes the file system read-only, under whoever uses it. */
  fail(): void {
    const device = run('findmnt', '-n', '-o', 'SOURCE', this.path).replace('/dev/', '').trim()
    writeFileSync(join('/sys/fs/ext4', device, 'trigger_fs_error'), 'a test')
  }

  /**
   * As when the power goes: what was written and not synced is lost, and whoever still uses the disk
   * gets errors. The next mount begins with what the journal holds.
   */
  loseUnsynced(): void {
    const shutDown = `open my $disk, '<', $ARGV[0] or die $!;
      ioctl $disk, ${EXT4_IOC_SHUTDOWN}, my $flags = pack 'L', ${WITHOUT_LOG_FLUSH} or die $!`
    run('perl', '-e', shutDown, this.path)
  }

  /** Mounts it anew after a check, as an operator would. Nobody may use it. */
  mend(): void {
    this.unmount()
    // 1: errors were found and corrected.
    run('sh', '-c', 'e2fsck -p -f "$0" || [ $? -eq 1 ]', this.#image)
    this.mount()
  }

  remove(): void {
    this.unmount()
    rmSync(this.#image)
  }

  get #filler(): string {
    return join(this.path, 'filler')
  }
}

function run(program: string, ...args: string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    throw new Error(
      `this test needs a file system of its own (root, a loop device, e2fsprogs): ${program}: ${stderr ?? message}`,
      { cause: error },
    )
  }
}
