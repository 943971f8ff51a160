#!/bin/sh
# deps.sh: install what the toolchain and the ports are built with, from Debian's archive.
# Installs nothing that is there already.
set -eu

# Before anything is installed in vain.
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/wali/libc/path.sh" "$root"

packages="clang-22 lld-22 llvm-22 libclang-rt-22-dev-wasm32 linux-libc-dev gcc libc6-dev make patch xz-utils tcl strace"

missing=
for p in $packages; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || :)
	[ "$state" = installed ] || missing="$missing $p"
done
if [ -z "$missing" ]; then
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	echo "deps.sh: missing packages; run as root:" >&2
	echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
	exit 1
fi
echo "installing$missing" >&2
if ! apt-get install -y --no-install-recommends $missing >&2; then
	# The package lists may be older than the archive.
	apt-get update >&2
	apt-get install -y --no-install-recommends $missing >&2
fi
