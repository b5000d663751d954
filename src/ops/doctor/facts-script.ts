/**
 * What runs on a host to look at it: static text for any POSIX shell, of Debian's essential packages
 * and iproute2. Nothing of nodes.yaml is in it: what to look at comes on stdin, one `key value` a
 * line, and is only ever used in quotes. It reads and changes nothing, and says one fact a line, the
 * tag first. What it cannot look at it leaves out, so that nobody takes it for seen.
 *
 * `clock` is answered at once, as often as it is asked; everything else after `end`.
 */

/** Begins what the host says; what stands before it is a login shell's own. */
export const FACTS_BEGIN = 'aethel-lattice-facts 1'
/** Ends it. Without this line the host was cut short. */
export const FACTS_END = 'end'

/** Milliseconds that a host tries one connection. The shell's `timeout` counts whole seconds. */
export const DIAL_MS_MAX = 4000

/** Looks as root where it can, or else as the user who logged in, which shows less. */
const ENTER = `
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
printf '\\n%s\\n' '${FACTS_BEGIN}'
if [ "$(id -u)" = 0 ]; then
  echo 'sudo needless'
elif ! command -v sudo >/dev/null; then
  echo 'sudo missing'
elif said=$(sudo -n sh -c : 2>&1 </dev/null); then
  echo 'sudo granted'
  exec sudo -n sh -c "$1"
else
  case $said in
    *password*) echo 'sudo asks' ;;
    *) echo 'sudo refused' ;;
  esac
fi
exec sh -c "$1"
`

const LOOK = `
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

say() { printf '%s\\n' "$*"; }
has() { command -v "$1" >/dev/null; }

dial() {
  has bash && has timeout || return
  said=$(timeout ${DIAL_MS_MAX / 1000} bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$3" "$2" 2>&1)
  case $?:$said in
    0:*) say "dial $1 open" ;;
    124:*) say "dial $1 silent" ;;
    *refused*) say "dial $1 closed" ;;
    *'No route'* | *unreachable*) say "dial $1 unrouted" ;;
    *'not known'* | *resolution* | *'No address'*) say "dial $1 unnamed" ;;
    *) say "dial $1 failed" ;;
  esac
}

groups() {
  rest=$2
  while :; do
    case $rest in
      *pid=[0-9]*) rest=\${rest#*pid=} ;;
      *) return ;;
    esac
    pid=\${rest%%[!0-9]*}
    while IFS= read -r line; do say "cgroup $1 $pid $line"; done 2>/dev/null <"/proc/$pid/cgroup"
  done
}

port() {
  case $2 in '' | *[!0-9]*) return ;; esac
  has ss || return
  said=$(ss -H -l -t -n -p "sport = :$2" 2>/dev/null) || return
  say "port $1"
  printf '%s\\n' "$said" | while IFS= read -r listener; do
    [ -n "$listener" ] || continue
    say "listen $1 $listener"
    groups "$1" "$listener"
  done
}

root= unit= version=
while IFS= read -r line; do
  value=\${line#* }
  case $line in
    clock) say "clock $(date +%s.%N)" ;;
    'root /'*) root=$value ;;
    'unit '*) unit=$value ;;
    'node '*) version=$value ;;
    'port '*) port "\${value%% *}" "\${value#* }" </dev/null ;;
    'dial '*)
      rest=\${value#* }
      dial "\${value%% *}" "\${rest%% *}" "\${rest#* }" </dev/null &
      ;;
    end) break ;;
  esac
done

say "uid $(id -u)"
say "machine $(uname -m)"
has getconf && say "libc $(getconf GNU_LIBC_VERSION 2>/dev/null)"

while IFS='=' read -r key value || [ -n "$key" ]; do
  case $key in ID | ID_LIKE | PRETTY_NAME) say "os $key $value" ;; esac
done 2>/dev/null </etc/os-release
has apt-get && say apt

if has systemctl; then
  systemctl --version 2>/dev/null | { IFS= read -r line && say "systemd $line"; }
  if [ -d /run/systemd/system ]; then say 'init systemd'; else say 'init other'; fi
  if [ -n "$unit" ]; then
    systemctl show -p ActiveState,MainPID -- "$unit.service" 2>/dev/null |
      while IFS= read -r line; do say "service $line"; done
    systemctl show -p ActiveState,Listen -- "$unit.socket" 2>/dev/null |
      while IFS= read -r line; do say "socket $line"; done
  fi
else
  say 'systemd none'
fi

while read -r key value _; do
  case $key in MemTotal: | MemAvailable:) say "memory $key $value" ;; esac
done 2>/dev/null </proc/meminfo

if [ -n "$root" ]; then
  at=$root
  while [ ! -e "$at" ] && [ ! -L "$at" ] && [ "$at" != / ]; do
    at=\${at%/*}
    [ -n "$at" ] || at=/
  done
  say "place $at"
  if [ -d "$at" ]; then say 'place-kind folder'; else say 'place-kind other'; fi
  if [ -w "$at" ]; then say 'place-access writable'; else say 'place-access refused'; fi
  timeout 5 df -k --output=size,avail,itotal,iavail -- "$at" 2>/dev/null |
    { read -r _ && IFS= read -r line && say "disk $line"; }
  real=$(cd -P -- "$at" 2>/dev/null && pwd -P) && {
    longest=0 mounted=
    while read -r _ where type options _; do
      case $real/ in
        "\${where%/}"/*)
          if [ \${#where} -ge "$longest" ]; then
            longest=\${#where} mounted="$type $options"
          fi
          ;;
      esac
    done 2>/dev/null </proc/self/mounts
    [ -n "$mounted" ] && say "mount $mounted"
  }
  if [ -e "$root/current" ] || [ -L "$root/current" ]; then
    say 'current yes'
  elif [ "$(id -u)" = 0 ]; then
    say 'current no'
  fi
  node=$root/shared/node/$version/bin/node
  if [ -f "$node" ] && [ -x "$node" ]; then
    say "node $(stat -L -c '%u %a %s' -- "$node" 2>/dev/null)"
  elif [ -e "$node" ] || [ -L "$node" ]; then
    say 'node unfit'
  elif [ "$(id -u)" = 0 ]; then
    say 'node absent'
  fi
fi

wait
say ${FACTS_END}
`

/** What to run on a host; no shell of the user's reads any of it but as quoted words. */
export const factsCommand: readonly string[] = ['sh', '-c', ENTER, 'sh', LOOK]
