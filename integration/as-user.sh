#!/bin/sh
# as-user.sh TARGET...: as root, make targets as an ordinary user, in a copy of this tree with what is
# built in it. The user is a number that nothing on this machine has; the copy is gone afterwards.
set -eu

[ $# -ge 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
GO=${GO:-go}
fail() { echo "as-user.sh: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "only root can become another user; run make $*"
for tool in setpriv tar; do
	command -v $tool >/dev/null || fail "$tool is missing; it is in Debian's util-linux and tar"
done

# The tests' own users lie elsewhere.
uid=59000
while getent passwd $uid >/dev/null || getent group $uid >/dev/null || [ -n "$(find /proc -maxdepth 1 -user $uid 2>/dev/null)" ]; do
	uid=$((uid + 1))
done
as_user() { setpriv --reuid=$uid --regid=$uid --clear-groups "$@"; }

work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# Root's directory for temporary files may be one that nobody else can enter.
for dir in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
	work=$(mktemp -d "$dir/walisup-user.XXXXXX") || continue
	chmod 755 "$work"
	! as_user test -x "$work/." || break
	rmdir "$work"
	work=
done
[ -n "$work" ] || fail "there is no directory for temporary files that user $uid can enter"

for dir in tree home tmp; do
	mkdir "$work/$dir"
	chown $uid:$uid "$work/$dir"
done
# Sources and intermediate files of what is built already stay where they are.
tar -C "$root" --exclude=./.git --exclude=./.cache/apt --exclude=./.cache/src --exclude=./.cache/build --exclude=./.cache/tests \
	--exclude=./.cache/suites --exclude='./.cache/ports/*/source' --exclude='./.cache/ports/*/build-*' -cf - . |
	as_user tar -C "$work/tree" --no-same-owner -xf -

# lend NAME: gives the user a copy of one of Go's caches, by links where that is possible: he can
# change the directories and not the files.
lend() {
	from=$($GO env "$1")
	if [ -d "$from" ]; then
		cp -al "$from" "$work/$1" 2>/dev/null || { rm -rf "$work/$1"; cp -a "$from" "$work/$1"; }
	fi
	mkdir -p "$work/$1"
	find "$work/$1" -type d -exec chown $uid:$uid {} + -exec chmod u+rwx {} +
}
lend GOCACHE
lend GOMODCACHE
proxy=$($GO env GOPROXY) sumdb=$($GO env GOSUMDB) flags="$($GO env GOFLAGS) -count=1" # root's results are not the user's
path=$(dirname "$(command -v "$GO")"):$PATH

cd "$work/tree"
status=0
as_user env -u XDG_RUNTIME_DIR -u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u WALISUP_CACHE -u WALISUP_STATE_DIR -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
	USER=walisup LOGNAME=walisup HOME="$work/home" TMPDIR="$work/tmp" PATH="$path" \
	GOCACHE="$work/GOCACHE" GOMODCACHE="$work/GOMODCACHE" GOPROXY="$proxy" GOSUMDB="$sumdb" GOFLAGS="$flags" \
	make --no-print-directory "$@" || status=$?
exit $status
