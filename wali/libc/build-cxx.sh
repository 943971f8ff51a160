#!/bin/sh
# build-cxx.sh: build the C++ library for walicc++: libc++, libc++abi and the part of
# libunwind that wasm's exceptions need, from Debian's LLVM sources, against the sysroot, into
# .cache/sysroot-cxx. Does nothing when that is up to date.
#
# The sources are those of LLVM 19, since Debian's archive does not have those of every
# update of LLVM 22; its libc++ is for any later clang.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
sysroot=$root/.cache/sysroot
dest=$root/.cache/sysroot-cxx
work=$root/.cache/build/cxx
package=llvm-toolchain-19
version=19.1.7
llvm=22
jobs=${JOBS:-$(nproc)}

say() { echo "sysroot-cxx: $*" >&2; }
fail() { say "$*"; exit 1; }

"$here/build.sh"
exec 9>"$root/.cache/sysroot-cxx.lock"
if ! flock -n 9; then
	say "waiting for another build"
	flock 9
fi
id=$(cat "$sysroot/stamp" "$0" "$here"/cxx/* | sha256sum | cut -c1-32)
if [ "$(cat "$dest/stamp" 2>/dev/null)" = "$id" ]; then
	exit 0
fi

source=$("$here/fetch.sh" $package)
tarball=$source/${package}_$version.orig.tar.xz
[ -e "$tarball" ] || fail "Debian offers $(ls "$source" | grep -m1 '\.dsc$'), but this is for $version"
if [ "$(cat "$work/source" 2>/dev/null)" != $version ]; then
	say "unpacking libc++ $version"
	rm -rf "$work"
	mkdir -p "$work"
	tar -xf "$tarball" -C "$work" --strip-components=1 --no-same-owner --wildcards \
		'*/libcxx/include/*' '*/libcxx/src/*' '*/libcxx/vendor/*' '*/libcxxabi/include/*' '*/libcxxabi/src/*' \
		'*/libunwind/include/*' '*/libunwind/src/*'
	echo $version >"$work/source"
fi

new=$dest.new
rm -rf "$new" "$work/obj"
mkdir -p "$new/include/c++" "$new/lib" "$work/obj"
headers=$new/include/c++/v1
cp -r "$work/libcxx/include" "$headers"
cp "$work"/libcxxabi/include/*.h "$headers"
cp "$here/cxx/__config_site" "$headers"
cp "$work/libcxx/vendor/llvm/default_assertion_handler.in" "$headers/__assertion_handler"
# A thread whose function throws ends the program. An exception that nobody catches would
# otherwise be the engine's to report.
sed -i 's/^_LIBCPP_HIDE_FROM_ABI void\* __thread_proxy(void\* __vp)/& noexcept/; s/void\* __thread_proxy(void\* __vp) {/void* __thread_proxy(void* __vp) noexcept {/' "$headers/__thread/thread.h"
grep -q '__thread_proxy(void\* __vp) noexcept' "$headers/__thread/thread.h" || fail "libc++'s thread.h is not as expected"

common="--target=wasm32-linux-muslwali -matomics -mbulk-memory -fmath-errno -O2 -fwasm-exceptions -mllvm -wasm-use-legacy-eh=false
	-nostdlibinc -nostdinc++ -isystem $headers -isystem $sysroot/include -fvisibility-inlines-hidden -w -DNDEBUG -D_GNU_SOURCE
	-I$work/libunwind/include -D_LIBUNWIND_HIDE_SYMBOLS"
cxx="$common -std=c++23 -D_LIBCPP_BUILDING_LIBRARY -D_LIBCPP_REMOVE_TRANSITIVE_INCLUDES -DLIBCXX_BUILDING_LIBCXXABI
	-I$work/libcxx/src -I$work/libcxxabi/include"
abi="$common -std=c++23 -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCPP_BUILDING_LIBRARY -I$work/libcxxabi/include -I$work/libcxx/src"

# One line for each object: its archive, its name, what compiles it.
commands=$work/commands
{
	for f in "$work"/libcxx/src/*.cpp "$work"/libcxx/src/filesystem/*.cpp "$work"/libcxx/src/ryu/*.cpp; do
		name=$(basename "$f" .cpp)
		case $name in
		new | int128_builtins) continue ;; # libc++abi's; the builtins'
		esac
		echo clang++-$llvm $cxx -c -o "$work/obj/c++.$name.o" "$f"
	done
	for f in "$work"/libcxxabi/src/*.cpp; do
		name=$(basename "$f" .cpp)
		[ $name != cxa_noexception ] || continue
		echo clang++-$llvm $abi -c -o "$work/obj/c++abi.$name.o" "$f"
	done
	echo clang-$llvm $common -std=c17 -c -o "$work/obj/unwind.wasm.o" "$work/libunwind/src/Unwind-wasm.c"
	echo clang-$llvm $common -c -o "$work/obj/unwind.tag.o" "$here/cxx/tag.S"
	echo clang++-$llvm $common -c -o "$work/obj/crtxx.o" "$here/cxx/main.cc"
} >"$commands"
say "compiling libc++, $(wc -l <"$commands") files"
xargs -P "$jobs" -I{} sh -c '{} || { echo "failed: {}" >&2; exit 255; }' <"$commands" >"$work/build.log" 2>&1 || {
	grep -B2 -A8 -m3 'error:' "$work/build.log" >&2
	fail "libc++ did not compile; the whole log is $work/build.log"
}

for l in c++ c++abi unwind; do
	llvm-ar-$llvm rcs "$new/lib/lib$l.a" "$work/obj/$l".*.o
done
cp "$work/obj/crtxx.o" "$new/lib/"
# What asks for the GNU library's names gets these.
cp "$new/lib/libc++.a" "$new/lib/libstdc++.a"
rm -rf "$dest" "$work/obj"
echo "$id" >"$new/stamp"
mv "$new" "$dest"
say "ready"
