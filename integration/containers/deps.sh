#!/bin/sh
# deps.sh: install the container engines that the tests drive, from Debian's archive. An
# ordinary user goes without: the tests are skipped then.
set -eu
command -v apt-get >/dev/null || exit 0
missing=
for p in podman conmon runc containerd; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || :)
	[ "$state" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "tests of container engines are skipped: they need root, and$missing" >&2; exit 0; }
echo "installing$missing" >&2
install() { apt-get install -y --no-install-recommends $missing >&2; }
install || { apt-get update >&2 && install; } || echo "tests of container engines are skipped: cannot install$missing" >&2
