# Sees to it that the scripts of package.json run with the Node.js that `npm ci` brought. Older npm links
# it and then removes the link, along with the packages of other machines that bring one, too.
own=node_modules/.bin/node
[ -e "$own" ] || npm rebuild --silent >/dev/null
if [ ! -e "$own" ]; then
  echo 'There is no Node.js of this project: run "npm ci" first. It has one for Linux with glibc and for macOS.' >&2
  exit 1
fi
if ! "$own" --version >/dev/null; then
  echo 'The Node.js of this project does not run here. On Debian: apt-get install libatomic1' >&2
  exit 1
fi
