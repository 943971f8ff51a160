#!/bin/sh
# build.sh [DEST]: build the sysroot that walicc compiles against: musl with our overlay,
# kernel headers and compiler builtins. DEST is .cache/sysroot unless given. Does nothing
# when the sysroot is up to date, and recompiles only what changed otherwise.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dest=${1:-$root/.cache/sysroot}
work=$root/.cache/build/musl
version=1.2.3
llvm=22
arch=wasm32
jobs=${JOBS:-$(nproc)}

"$here/path.sh" "$root"
say() { echo "sysroot: $*" >&2; }
fail() { say "$*"; exit 1; }

packages="clang-$llvm lld-$llvm llvm-$llvm libclang-rt-$llvm-dev-wasm32 linux-libc-dev make patch"
builtins=/usr/lib/llvm-$llvm/lib/clang/$llvm/lib/wasi/libclang_rt.builtins-wasm32.a
for tool in clang-$llvm wasm-ld-$llvm llvm-ar-$llvm make patch; do
	command -v $tool >/dev/null || fail "$tool is missing; run as root: integration/ports/deps.sh (or apt-get install $packages)"
done
[ -e "$builtins" ] || fail "$builtins is missing; run as root: apt-get install libclang-rt-$llvm-dev-wasm32"
[ -e /usr/include/linux/limits.h ] || fail "the kernel headers are missing; run as root: apt-get install linux-libc-dev"
host_asm=
for d in /usr/include/x86_64-linux-gnu/asm /usr/include/aarch64-linux-gnu/asm; do
	[ -d $d ] && { host_asm=$d; break; }
done
[ -n "$host_asm" ] || fail "no asm kernel headers under /usr/include; run as root: apt-get install linux-libc-dev"

mkdir -p "$root/.cache"
exec 9>"$root/.cache/sysroot.lock"
if ! flock -n 9; then
	say "waiting for another build"
	flock 9
fi

cflags="--target=wasm32-linux-muslwali -matomics -mbulk-memory -fmath-errno -O2 -fno-stack-protector"

# What all objects depend on, and what only some do.
headers_id=$( (echo "$version $cflags"; clang-$llvm --version | head -1; cd "$here"; cat patches/* syscalls.tsv mksyscalls.awk
	find overlay/arch -type f | LC_ALL=C sort | xargs cat) | sha256sum | cut -c1-32)
full_id=$( (echo "$headers_id"; cd "$here"; cat build.sh; dpkg-query -W -f '${Version} ' linux-libc-dev libclang-rt-$llvm-dev-wasm32 2>/dev/null || :
	find overlay -type f | LC_ALL=C sort | while read -r f; do echo "$f"; cat "$f"; done) | sha256sum | cut -c1-32)
if [ "$(cat "$dest/stamp" 2>/dev/null)" = "$full_id" ]; then
	exit 0
fi

if [ "$(cat "$work/headers-id" 2>/dev/null)" != "$headers_id" ]; then
	source=$("$here/fetch.sh" musl)
	tarball=$source/musl_$version.orig.tar.gz
	[ -e "$tarball" ] || fail "Debian offers $(ls "$source" | grep -m1 '\.dsc$'), but the overlay is for musl $version"
	say "unpacking musl $version"
	rm -rf "$work"
	mkdir -p "$work"
	tar -xf "$tarball" -C "$work" --strip-components=1 --no-same-owner
	for p in "$here"/patches/*.patch; do
		patch -d "$work" -p1 --quiet --fuzz=0 <"$p" || fail "$(basename "$p") does not apply to musl $version"
	done
	a=$work/arch/$arch
	mkdir -p "$a/bits"
	# Facts that are another architecture's as they are: quad precision, x86-64's structs
	# and signal numbers.
	cp "$work/arch/aarch64/bits/float.h" "$work/arch/x86_64/bits/stat.h" "$work/arch/x86_64/bits/sem.h" "$a/bits/"
	cp "$work/arch/x86_64/kstat.h" "$a/"
	{ cat "$here/overlay/arch/$arch/signal_head.h"
	  sed -n '/^struct sigaltstack/,$p' "$work/arch/x86_64/bits/signal.h" | sed /__fpregs_mem/d; } >"$a/bits/signal.h"
	awk -v what=numbers -f "$here/mksyscalls.awk" "$here/syscalls.tsv" >"$a/bits/syscall.h.in"
	awk -v what=calls -f "$here/mksyscalls.awk" "$here/syscalls.tsv" >"$a/bits/wali_syscall.h"
	awk -v what=app -f "$here/mksyscalls.awk" "$here/syscalls.tsv" >"$a/bits/wali_app.h"
	cat >"$work/config.mak" <<-EOF
		ARCH = $arch
		srcdir = .
		CC = clang-$llvm
		AR = llvm-ar-$llvm
		RANLIB = llvm-ranlib-$llvm
		CFLAGS = $cflags
		CFLAGS_AUTO = -Werror=implicit-function-declaration -Werror=implicit-int -Wno-incompatible-library-redeclaration -Wno-shift-op-parentheses -Wno-bitwise-op-parentheses -Wno-logical-op-parentheses -Wno-string-plus-int -Wno-dangling-else -Wno-ignored-attributes -Wno-ignored-pragmas -Wno-parentheses -Wno-unknown-pragmas
		OPTIMIZE_GLOBS = string/*.c malloc/mallocng/*.c
		LIBCC =
	EOF
	echo "$headers_id" >"$work/headers-id"
fi

# Only files whose content changed get a new time, for make's sake.
(cd "$here/overlay" && find . -type f ! -name signal_head.h) | while read -r f; do
	cmp -s "$here/overlay/$f" "$work/$f" && continue
	mkdir -p "$(dirname "$work/$f")"
	cp "$here/overlay/$f" "$work/$f"
done

total=$(find "$work/src" "$work/crt" -name '*.c' -not -path '*/oldmalloc/*' | grep -cvE '/(src|crt)/.*/(aarch64|arm|i386|m68k|microblaze|mips|mips64|mipsn32|or1k|powerpc|powerpc64|riscv64|s390x|sh|x32|x86_64)/')
say "compiling musl, some $total files"
log=$work/build.log
{
	make -k -C "$work" -j"$jobs" lib/libc.a lib/crt1.o lib/layer1.o $(for l in m rt pthread crypt util xnet resolv dl; do echo lib/lib$l.a; done) 2>&1
	echo $? >"$work/build.status"
} | tee "$log" | awk '/ -c -o obj/ && ++n % 250 == 0 { print "sysroot: " n " compiled" >"/dev/stderr" }'
if [ "$(cat "$work/build.status")" != 0 ]; then
	grep -E -A8 "error:|Error " "$log" | tail -60 >&2
	fail "musl did not compile; the whole log is $log"
fi

say "installing into $dest"
new=$dest.new
rm -rf "$new"
mkdir -p "$new/lib"
make -C "$work" prefix= includedir=/include libdir=/lib DESTDIR="$new" install-headers >>"$log" 2>&1 || fail "installing the headers failed, see $log"
cp "$work/lib/libc.a" "$work/lib/crt1.o" "$work/lib/layer1.o" "$new/lib/"
for l in m rt pthread crypt util xnet resolv dl; do cp "$work/lib/lib$l.a" "$new/lib/"; done
cp "$builtins" "$new/lib/libclang_rt.builtins.a"
# Nothing else of the library uses SIMD than string functions. These are for a module that
# is built without it, and are linked before libc.a.
scalar=$work/obj/scalar
rm -rf "$scalar"
mkdir -p "$scalar"
for f in "$work/src/string/$arch/scalar"/*.c; do
	clang-$llvm $cflags -std=c99 -ffreestanding -nostdinc -D_XOPEN_SOURCE=700 -I"$work/arch/$arch" -I"$work/arch/generic" \
		-I"$work/obj/src/internal" -I"$work/src/include" -I"$work/src/internal" -I"$work/obj/include" -I"$work/include" \
		-c -o "$scalar/$(basename "$f" .c).o" "$f" >>"$log" 2>&1 || fail "$(basename "$f") did not compile, see $log"
done
llvm-ar-$llvm rcs "$new/lib/libc-scalar.a" "$scalar"/*.o
for d in linux asm-generic mtd rdma sound video xen misc scsi drm; do
	[ -d /usr/include/$d ] || continue
	mkdir -p "$new/include/$d"
	(cd /usr/include/$d && find . -name '*.h' | while read -r f; do
		[ -e "$new/include/$d/$f" ] && continue
		mkdir -p "$new/include/$d/$(dirname "$f")"
		cp "$f" "$new/include/$d/$f"
	done)
done
mkdir -p "$new/include/asm"
cp -rL "$host_asm/." "$new/include/asm/"
cat >"$new/include/asm/bitsperlong.h" <<-EOF
	/* long has 64 bits although pointers have 32. */
	#ifndef _ASM_BITSPERLONG_H
	#define _ASM_BITSPERLONG_H
	#define __BITS_PER_LONG 64
	#include <asm-generic/bitsperlong.h>
	#endif
EOF
echo '#include <asm-generic/swab.h>' >"$new/include/asm/swab.h"
# Who has the numbers from the kernel calls syscall() too.
cat >>"$new/include/asm/unistd.h" <<-EOF
	#ifndef __ASSEMBLER__
	#include <bits/wali_syscall_fn.h>
	#endif
EOF
echo "$full_id" >"$new/stamp"
rm -rf "$dest"
mv "$new" "$dest"
say "ready"
