about="web server with a master and worker processes"
version=1.22.1
needs=zlib

build() {
	# Its configure script finds sizes and features by running programs.
	cc=$CC
	[ "$flavour" = native ] || cc=$ports/cc-run
	./configure --with-cc="$cc" --with-cc-opt="$CFLAGS $CPPFLAGS" --with-ld-opt="$LDFLAGS" --without-pcre \
		--without-http_rewrite_module --with-threads --with-http_stub_status_module --prefix=. --sbin-path=nginx
	make -j"$JOBS" CC="$CC" -f objs/Makefile objs/nginx
	program objs/nginx
}
