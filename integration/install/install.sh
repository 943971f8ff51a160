#!/bin/sh
# install.sh walisup|walicc|all|remove: copy what make has built below DESTDIR and
# PREFIX, or remove it again.
#
#   PREFIX/bin                     walisup, walisup-oci, walicc and its tools
#   PREFIX/libexec/walisup         the helper
#   PREFIX/lib/walisup             the layers; the C library, and the C++ library if it is built
#   PREFIX/share                   manual pages, completions
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
prefix=${PREFIX:-/usr/local}
case $prefix in /*) ;; *) echo "install.sh: PREFIX is not an absolute path: $prefix" >&2; exit 1 ;; esac
to=${DESTDIR:-}$prefix
tools="ld ar ranlib nm strip"
completions="bash:share/bash-completion/completions/walisup zsh:share/zsh/site-functions/_walisup fish:share/fish/vendor_completions.d/walisup.fish"

walisup() {
	install -d "$to/bin" "$to/libexec/walisup" "$to/share/man/man1"
	install -m 755 "$root/bin/walisup" "$to/bin/walisup"
	install -m 755 "$root/bin/walisup-oci" "$to/bin/walisup-oci"
	install -m 755 "$root/bin/walisup-helper" "$to/libexec/walisup/walisup-helper"
	rm -rf "$to/lib/walisup/layers"
	if [ -d "$root/bin/layers" ]; then
		install -d "$to/lib/walisup/layers"
		install -m 644 "$root"/bin/layers/*.wasm "$to/lib/walisup/layers"
	fi
	install -m 644 "$root"/man/*.1 "$to/share/man/man1"
	for c in $completions; do
		mkdir -p "$to/$(dirname "${c#*:}")"
		"$root/bin/walisup" completion "${c%%:*}" >"$to/${c#*:}"
		chmod 644 "$to/${c#*:}"
	done
}

walicc() {
	install -d "$to/bin" "$to/lib/walisup"
	install -m 755 "$root/bin/walicc" "$to/bin/walicc"
	ln -sf walicc "$to/bin/walicc++"
	for tool in $tools; do ln -sf walicc "$to/bin/walicc-$tool"; done
	for sysroot in sysroot sysroot-cxx; do
		rm -rf "$to/lib/walisup/$sysroot"
		[ ! -e "$root/.cache/$sysroot/stamp" ] || cp -R "$root/.cache/$sysroot" "$to/lib/walisup/$sysroot"
	done
	chmod -R u=rwX,go=rX "$to/lib/walisup"
}

remove() {
	rm -f "$to/bin/walisup" "$to/bin/walisup-oci" "$to/bin/walicc" "$to/bin/walicc++"
	for tool in $tools; do rm -f "$to/bin/walicc-$tool"; done
	rm -f "$to"/share/man/man1/walisup.1 "$to"/share/man/man1/walisup-*.1
	for c in $completions; do rm -f "$to/${c#*:}"; done
	rm -rf "$to/libexec/walisup" "$to/lib/walisup"
}

case ${1:-} in
walisup | walicc | remove) "$1" ;;
all) walisup; walicc ;;
*) echo "usage: install.sh walisup|walicc|all|remove" >&2; exit 1 ;;
esac
