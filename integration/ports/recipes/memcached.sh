about="in-memory key-value cache, a threaded server"
version=1.6.18
needs=libevent

build() {
	# What configure finds by running programs.
	[ "$flavour" = native ] || export ac_cv_c_endian=little ac_cv_c_alignment=none
	./configure ${host:+--host=$host} --with-libevent="$(dirname "$(dirname "$out")")/libevent/$flavour" \
		--disable-extstore --disable-docs --disable-coverage
	# Its own tests want the second, and the third beside it.
	make -j"$JOBS" memcached memcached-debug sizes
	for p in memcached memcached-debug sizes; do program $p; done
}
