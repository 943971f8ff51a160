about="Open POSIX Test Suite: every test a program of its own, a yardstick"
yardstick=yes
version=1.5.2
debian_patches="build_Werror_fixes.patch"
tools="cc:gcc musl-gcc:musl-tools"

# One test and compiler: a program or, if it does not build, the compiler's messages. What
# only has to compile is not run. The native builds are two: with the system's C library, and
# (folder musl) with the C library that the modules have, to tell its ways from ours.
build() {
	cat >one.sh <<-'END'
		source=$1 target=$2 CC=$3
		mkdir -p "${target%/*}"
		if $CC -std=gnu99 -D_GNU_SOURCE -D_POSIX_C_SOURCE=200112L $CFLAGS -w -Iinclude \
			-o "$target" "$source" $LIBS 2>"$target.log"; then
			rm "$target.log"
		fi
	END
	export LIBS="-lpthread -lrt -lm"
	tests=$(find conformance/interfaces -name '[0-9]*-*.c' ! -name '*buildonly*' ! -path '*/templates/*' | sed 's/\.c$//' | sort)
	suffix=
	[ "$flavour" = native ] || suffix=.wasm
	for t in $tests; do
		name=${t#conformance/interfaces/}
		echo "$t.c $out/$name$suffix $CC"
		[ "$flavour" = wali ] || echo "$t.c $out/musl/$name musl-gcc -static"
	done >jobs
	# The rest of a line is the compiler.
	sed 's/^\([^ ]*\) \([^ ]*\) \(.*\)$/\1\n\2\n\3/' jobs | tr '\n' '\0' | xargs -0 -n 3 -P "$JOBS" sh one.sh
}
