about="web server with worker processes that share a socket"
version=1.4.69
needs=zlib

# musl has no <sys/queue.h>; the system's, which is only macros, serves both builds.
prepare() {
	mkdir src/sys
	cp "$(echo '#include <sys/queue.h>' | cc -M -x c - | grep -o '/[^ ]*/sys/queue.h')" src/sys
}

# There is no dlopen: the modules that its makefile knows for a static build are built in.
build() {
	modules=$(sed -n '/^lighttpd_SOURCES = /,/[^\\]$/s/^ *\(mod_[a-z0-9_]*\)\.c.*/\1/p' src/Makefile.am | grep -v '_api$')
	printf 'PLUGIN_INIT(%s)\n' $modules >src/plugin-static.h
	LIGHTTPD_STATIC=yes ./configure ${host:+--host=$host} --enable-static --disable-shared --disable-dependency-tracking \
		--without-pcre2 --with-zlib
	make -C src versionstamp
	make -j"$JOBS" -C src lighttpd
	program src/lighttpd
}
