#!/bin/sh
# port.sh build NAME... | build-all | run NAME[/PROGRAM] [ARG...] | list | clean [NAME...]
#
# Builds programs from Debian's sources twice, with walicc and with the system's cc, into
# .cache/ports/NAME/wali and .cache/ports/NAME/native. A build is repeated only if its
# recipe, the C library or the compiler driver changed. README.md describes the recipes.
set -eu

ports=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$ports/../.." && pwd)
cache=$root/.cache/ports
libc=$root/wali/libc
walicc=$root/bin/walicc
export JOBS="${JOBS:-$(nproc)}"
# Raise this when a build comes to be given other settings: all ports are built again.
settings=1

[ "${1:-list}" = list ] || "$libc/path.sh" "$root"
say() { echo "port: $*" >&2; }
fail() { say "$*"; exit 1; }
usage() { sed -n '2s/^# //p' "$0" >&2; exit 2; }

# load NAME reads a recipe into variables and functions.
load() {
	name=$1
	recipe=$ports/recipes/$name.sh
	[ -e "$recipe" ] || fail "no recipe for $name; known: $(list | tr '\n' ' ')"
	source=$name version= debian_patches= needs= tools= about= cxx=
	unset -f prepare build 2>/dev/null || :
	. "$recipe"
	dir=$cache/$name
}

list() {
	for f in "$ports"/recipes/*.sh; do
		basename "$f" .sh
	done
}

# identity FLAVOUR: a hash of all that the build depends on.
identity() {
	{
		echo "$settings"
		cat "$recipe"
		[ ! -d "$ports/patches/$name" ] || cat "$ports/patches/$name"/*
		if [ "$1" = wali ]; then
			cat "$root/.cache/sysroot/stamp" "$walicc" "$ports/config.site"
			[ -z "$cxx" ] || cat "$root/.cache/sysroot-cxx/stamp"
		else
			cc --version
		fi
		for n in $needs; do cat "$cache/$n/$1.stamp"; done
	} | sha256sum | cut -c1-32
}

# unpack: the pristine source with Debian's patches, if wanted, and ours, in $dir/source.
# What prepare() makes there is shared by both builds.
unpack() {
	source_id=$( { cat "$recipe"; [ ! -d "$ports/patches/$name" ] || cat "$ports/patches/$name"/*; } | sha256sum | cut -c1-32)
	[ "$(cat "$dir/source.stamp" 2>/dev/null)" != "$source_id" ] || return 0
	files=$("$libc/fetch.sh" "$source")
	if [ -n "$version" ]; then
		case $(ls "$files"/*.dsc) in
		*/"${source}_$version"[-+.~]*.dsc | */"${source}_$version.dsc") ;;
		*) fail "$name: the recipe is for $source $version, Debian has $(basename "$files"/*.dsc .dsc)" ;;
		esac
	fi
	say "$name: unpacking"
	rm -rf "$dir/source"
	mkdir -p "$dir/source"
	tar -xf "$(ls "$files"/*.orig.tar.* | grep -v '\.asc$' | head -1)" -C "$dir/source" --strip-components=1 --no-same-owner
	if [ -n "$debian_patches" ] && ls "$files"/*.diff.gz >/dev/null 2>&1; then
		# Debian's older format: one patch, which also makes the debian folder.
		[ "$debian_patches" = all ] || fail "$name: Debian's patches are one: debian_patches=all"
		gzip -dc "$files"/*.diff.gz | patch -d "$dir/source" -p1 -s || fail "$name: Debian's patch does not apply"
	elif [ -n "$debian_patches" ]; then
		debian=$dir/debian
		rm -rf "$debian"
		mkdir -p "$debian"
		tar -xf "$(ls "$files"/*.debian.tar.*)" -C "$debian" --strip-components=1 --no-same-owner
		[ "$debian_patches" = all ] && debian_patches=$(sed 's/#.*//' "$debian/patches/series")
		for p in $debian_patches; do
			patch -d "$dir/source" -p1 -s <"$debian/patches/$p" || fail "$name: Debian's $p does not apply"
		done
	fi
	if [ -d "$ports/patches/$name" ]; then
		for p in "$ports/patches/$name"/*.patch; do
			patch -d "$dir/source" -p1 -s <"$p" || fail "$name: $(basename "$p") does not apply"
		done
	fi
	if command -v prepare >/dev/null; then
		say "$name: preparing the source"
		run_logged prepare "$dir/source" prepare
	fi
	echo "$source_id" >"$dir/source.stamp"
}

# run_logged FUNCTION FOLDER LABEL: run a recipe's function in a folder, its output in a log.
run_logged() {
	log=$dir/$3.log
	# Not as a condition: a shell ignores set -e in one.
	set +e
	(set -ex; cd "$2"; "$1") >"$log" 2>&1
	status=$?
	set -e
	[ $status = 0 ] || { tail -30 "$log" >&2; fail "$name: $3 failed; the whole log is $log"; }
}

# program FILE [NAME [LINK...]]: a recipe's way to deliver a program, and the names by which
# it is other programs, which go to NAME.links.
program() {
	target=$out/${2:-$(basename "$1")}
	links=$target.links
	[ "$flavour" = native ] || target=$target.wasm
	cp "$1" "$target"
	[ $# -lt 3 ] || { shift 2; printf '%s\n' "$@" >"$links"; }
}

build_flavour() {
	flavour=$1
	out=$dir/$flavour
	stamp=$dir/$flavour.stamp
	id=$(identity "$flavour")
	[ "$(cat "$stamp" 2>/dev/null)" != "$id" ] || return 0
	unpack
	say "$name: building ($flavour)"
	work=$dir/build-$flavour
	rm -rf "$work" "$out" "$stamp"
	mkdir -p "$out"
	cp -a "$dir/source" "$work"
	if [ "$flavour" = wali ]; then
		CC=$walicc CXX=$walicc++ AR=$walicc-ar RANLIB=$walicc-ranlib NM=$walicc-nm STRIP=$walicc-strip LD=$walicc-ld
		host=wasm32-unknown-linux-muslwali
	else
		CC=cc CXX=c++ AR=ar RANLIB=ranlib NM=nm STRIP=strip LD=ld
		host=
	fi
	unset CONFIG_SITE
	[ "$flavour" = native ] || export CONFIG_SITE="$ports/config.site"
	# pkg-config must not find what the system has: it is for another machine, and the
	# native build shall have no more features than the other.
	CFLAGS=-O2 CXXFLAGS=-O2 CPPFLAGS= LDFLAGS= PKG_CONFIG_LIBDIR=/nonexistent
	for n in $needs; do
		CPPFLAGS="$CPPFLAGS -I$cache/$n/$flavour/include"
		LDFLAGS="$LDFLAGS -L$cache/$n/$flavour/lib"
		PKG_CONFIG_LIBDIR=$cache/$n/$flavour/lib/pkgconfig:$PKG_CONFIG_LIBDIR
	done
	export CC CXX AR RANLIB NM STRIP LD CFLAGS CXXFLAGS CPPFLAGS LDFLAGS PKG_CONFIG_LIBDIR
	run_logged build "$work" "$flavour"
	rm -rf "$work"
	echo "$id" >"$stamp"
	say "$name: $(cd "$cache" && ls -d "$name/$flavour"/* | tr '\n' ' ')"
}

build_port() {
	load "$1"
	for n in $needs; do
		(build_port "$n")
	done
	for t in $tools; do
		command -v "${t%%:*}" >/dev/null || fail "$name: building needs ${t%%:*}; run as root: apt-get install ${t#*:}"
	done
	[ -z "$cxx" ] || "$libc/build-cxx.sh"
	mkdir -p "$dir"
	exec 8>"$dir/lock"
	if ! flock -n 8; then
		say "$name: waiting for another build"
		flock 8
	fi
	build_flavour native
	build_flavour wali
}

[ $# -ge 1 ] || usage
command=$1
shift
case $command in
list)
	for n in $(list); do
		load "$n"
		printf '%-12s %s\n' "$n" "$about"
	done
	;;
build | build-all)
	# Yardsticks are no ports that anyone would use, and take long.
	[ $command = build ] || set -- $(grep -L '^yardstick=' "$ports"/recipes/*.sh | sed 's|.*/||; s|\.sh$||')
	[ $# -ge 1 ] || usage
	[ -x "$walicc" ] || fail "$walicc is missing; run make build"
	"$libc/build.sh"
	for n; do
		(build_port "$n")
	done
	;;
run)
	[ $# -ge 1 ] || usage
	[ -x "$walicc" ] || fail "$walicc is missing; run make build"
	which=$1
	shift
	"$libc/build.sh"
	(build_port "${which%%/*}")
	load "${which%%/*}"
	program=${which#*/}
	# lua5.4 is lua, python3.11 is python3.
	[ "$which" != "$name" ] || program=$(cd "$dir/wali" && ls | sed -n 's/\.wasm$//p' | awk -v n="$name" 'index(n, $0) == 1 { print }' | tail -n 1)
	module=$dir/wali/$program.wasm
	[ -e "$module" ] || fail "say which program of $name: $(cd "$dir/wali" && ls | sed -n "s|^\(.*\)\.wasm$|$name/\1|p" | tr '\n' ' ')"
	exec "$root/bin/walisup" start ${FLAGS:-} -- "$module" "$@"
	;;
clean)
	if [ $# = 0 ]; then
		rm -rf "$cache"
	fi
	for n; do
		load "$n"
		rm -rf "$dir"
	done
	;;
*)
	usage
	;;
esac
