/**
 * The shell scripts that a host runs before its agent can. They are static: all that differs comes as
 * lines on standard input, so nothing that an operator wrote is ever read as shell text. POSIX sh, as
 * dash and bash have it; every word of theirs begins with `WORD`.
 */

/** Begins each line of a script to this program, and tells it from what a host's profile may print. */
export const WORD = 'aethel-lattice-host 1 '

/** Ends what is not for the script: a line that sudo left, when it wanted no password after all. */
export const BEGIN = 'aethel-lattice-begin'

/** What all scripts begin with. Nothing here starts more programs than it must: each takes some 5 ms. */
const prelude = `
umask 022
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL PATH
say() { printf '${WORD}%s\\n' "$*"; }
measure() { bytes=0; if [ -f "$1" ]; then bytes=$(($(wc -c <"$1"))); fi; }
isdigest() { found=$(sha256sum <"$1"); [ "\${found%% *}" = "$2" ]; }
lines=0
while IFS= read -r line && [ "$line" != '${BEGIN}' ]; do
  lines=$((lines + 1))
  [ "$lines" -lt 4 ] || exit 90
done
cd / || exit 90
`

/**
 * Becomes the agent: Node.js that an earlier deploy left in the node's folder, the pinned version or
 * another, with a program that is there or that is lent. Changes nothing that lasts.
 *
 * Reads: folder, node, version, SHA-256 of the program, its length (`-`: look for it); then the program
 * when its length was given, then whatever the agent reads.
 * Says: `agent`, `lacks-agent` or `bare`; machine, whether the pinned version is there, whether
 * something is deployed, whether the service user is there, what of the node's folder,
 * whether Caddy is there. Machine and user are `-` where the pinned version is there.
 */
export const enterScript = `${prelude}
IFS= read -r root && IFS= read -r node && IFS= read -r version && IFS= read -r digest && IFS= read -r length || exit 90
issound() {
  [ -x "$1/bin/node" ] && [ -s "$1/bytes" ] || return 1
  measure "$1/bin/node"
  read -r whole <"$1/bytes" || :
  [ "$bytes" = "$whole" ]
}
runtime=
for folder in "$root/shared/node/$version" "$root"/shared/node/*; do
  if issound "$folder"; then runtime=$folder; break; fi
done
pinned=yes
machine=-
user=-
if [ "$runtime" != "$root/shared/node/$version" ]; then
  pinned=no
  machine=$(uname -m)
  user=no
  id -u aethel-lattice >/dev/null 2>&1 && user=yes
fi
deployed=no
folder=more
if [ -L "$root/current" ]; then
  deployed=yes
else
  listed="$(ls -A "$root" 2>/dev/null) $(ls -A "$root/shared" 2>/dev/null)"
  case $listed in ' ') folder=none ;; 'shared data') folder=data ;; esac
fi
caddy=no
command -v caddy >/dev/null && caddy=yes
facts="$machine $pinned $deployed $user $folder $caddy"
if [ -z "$runtime" ]; then
  say "bare $facts"
  exit 91
fi
if [ "$length" != - ]; then
  lent=$(mktemp -d) || exit 94
  program=$lent/host-agent.mjs
  head -c "$length" >"$program"
  if ! isdigest "$program" "$digest"; then
    rm -rf "$lent"
    exit 93
  fi
  how=lent
else
  program=$root/agent/$digest.mjs
  if [ ! -f "$program" ] || ! isdigest "$program" "$digest"; then
    say "lacks-agent $facts"
    exit 91
  fi
  how=kept
fi
say "agent $facts"
exec "$runtime/bin/node" "$program" "$root" "$node" "$how"
`

/**
 * Puts the pinned Node.js into the node's folder, whole or not at all. What arrives is kept, so that a
 * cut goes on where it was.
 *
 * Reads: folder, version, SHA-256 of the program, SHA-256 and length of what is sent; then the rest of
 * what is sent: gzip.
 * Node.js needs the library libatomic, which a small Debian lacks: its package is then installed.
 * Says: `has` and the length that is there already; perhaps `packages`; in the end `installed`.
 * Ends with 92: cut short. 93: what arrived is not what was sent, and is removed. 94: the disk refused
 * it. 95: it does not run on this host. 96: for want of libatomic.
 */
export const installScript = `${prelude}
IFS= read -r root && IFS= read -r version && IFS= read -r digest && IFS= read -r sent && IFS= read -r length || exit 90
folder=$root/shared/node
mkdir -p "$folder" || exit 94
partial=$folder/.unfinished-$sent
measure "$partial"
say "has $bytes"
cat >>"$partial" || exit 94
measure "$partial"
[ "$bytes" -ge "$length" ] || exit 92
if ! isdigest "$partial" "$sent"; then
  rm -f "$partial"
  exit 93
fi
fresh=$folder/.unfinished-$version
rm -rf "$fresh"
mkdir -p "$fresh/bin" || exit 94
if ! gzip -dc <"$partial" >"$fresh/bin/node"; then
  rm -rf "$fresh"
  exit 94
fi
if ! isdigest "$fresh/bin/node" "$digest"; then
  rm -rf "$fresh" "$partial"
  exit 93
fi
chmod 755 "$fresh/bin/node" || exit 94
told=$("$fresh/bin/node" --version 2>&1)
case $told in *libatomic.so.1*)
  say packages
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=60 install libatomic1 </dev/null >&2
  told=$("$fresh/bin/node" --version 2>&1)
esac
if [ "$told" != "v$version" ]; then
  rm -rf "$fresh"
  case $told in *libatomic.so.1*) exit 96 ;; esac
  exit 95
fi
measure "$fresh/bin/node"
echo "$bytes" >"$fresh/bytes" || exit 94
sync
rm -rf "$folder/$version"
mv "$fresh" "$folder/$version" || exit 94
sync
rm -f "$partial"
say installed
`

/** Runs the script in $0 as root: as the one who is logged in, or by sudo, which must not ask. */
export const asRoot = `if [ "$(id -u)" = 0 ]; then exec sh -c "$0"; else exec sudo -n -- sh -c "$0"; fi`

/**
 * Runs the script in $0 by sudo with a password, which it asks for on standard output in our own words:
 * once. Asked again, the first was wrong.
 */
export const asRootByPassword = `exec sudo -k -S -p '${WORD}password
' -- sh -c "exec 2>/dev/null; echo '${WORD}begun'
$0" 2>&1`
