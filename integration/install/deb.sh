#!/bin/sh
# deb.sh: make the Debian packages walisup and walicc in bin, from what make has built.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
command -v dpkg-deb >/dev/null || { echo "deb.sh: dpkg-deb is missing; Debian packages can be made on Debian only" >&2; exit 1; }
version=$(sed -n 's/^const Release = "\(.*\)"$/\1/p' "$root/cmd/internal/version/version.go")
[ -n "$version" ] || { echo "deb.sh: cmd/internal/version/version.go names no release" >&2; exit 1; }
# One time for all files, so that the same sources give the same packages.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

# package NAME DEPENDS SUMMARY: its description comes from standard input.
package() {
	dir=$work/$1
	DESTDIR=$dir PREFIX=/usr "$root/integration/install/install.sh" "$1"
	[ ! -d "$dir/usr/share/man" ] || gzip -9n "$dir"/usr/share/man/man1/*.1
	install -d "$dir/usr/share/doc/$1" "$dir/DEBIAN"
	cat "$root/NOTICE" >"$dir/usr/share/doc/$1/copyright"
	printf '\nOn Debian the text of the Apache License, Version 2.0 is in /usr/share/common-licenses/Apache-2.0.\n' \
		>>"$dir/usr/share/doc/$1/copyright"
	gzip -9n <"$root/CHANGELOG.md" >"$dir/usr/share/doc/$1/changelog.gz"
	chmod -R u=rwX,go=rX "$dir"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: The walisup authors <walisup@localhost>\n' "$1" "$version"
		printf 'Section: utils\nPriority: optional\nInstalled-Size: %s\n' "$(du -sk "$dir/usr" | cut -f 1)"
		[ -z "$2" ] || printf 'Depends: %s\n' "$2"
		[ "$1" = walisup ] || printf 'Recommends: walisup\n'
		printf 'Description: %s\n' "$3"
		sed 's/^/ /'
	} >"$dir/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$dir" "$root/bin/$1_${version}_amd64.deb" >&2
}

package walisup '' 'run WebAssembly programs as Linux processes' <<'TEXT'
walisup runs modules that speak WALI, the WebAssembly Linux Interface, as
real Linux processes. It also manages them as instances: in the background,
with logs, restarts, limits and isolation. walisup-oci runs modules in
containers, by means of runc.
TEXT
package walicc 'clang-22, lld-22, llvm-22' 'C compiler for WALI modules' <<'TEXT'
walicc compiles C programs to WebAssembly modules that walisup runs. It takes
the command line of cc and brings a C library, which is musl.
TEXT
