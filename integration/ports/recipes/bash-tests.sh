about="bash's own tests, what they run, and bash with the modules' C library: a yardstick"
yardstick=yes
source=bash
version=5.2.15
debian_patches="bash-default-editor.diff deb-bash-config.diff"
tools="musl-gcc:musl-tools"

build() {
	for name in recho zecho xcase; do
		$CC $CFLAGS -std=gnu89 -w -DHAVE_STRING_H -DHAVE_STDLIB_H -I. -Iinclude -o "$name" "support/$name.c"
		program "$name"
	done
	cp -r tests "$out/tests"
	[ "$flavour" = native ] || return 0
	# A native bash that differs from the module's in the processor alone, as its options
	# and C library are the same (see bash.sh).
	bash_cv_func_strtoimax=no ./configure CC="musl-gcc -static" --without-bash-malloc --disable-nls --without-curses --disable-threads \
		--disable-rpath CFLAGS="$CFLAGS -std=gnu89 -w"
	make -j"$JOBS" bash
	program bash bash-musl
}
