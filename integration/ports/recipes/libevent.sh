about="event loop library, for memcached, with its regression test"
version=2.1.12-stable

build() {
	# What it finds of zlib is for tests of filters, and only one build would find it.
	ac_cv_header_zlib_h=no ./configure ${host:+--host=$host} --prefix="$out" --disable-shared --disable-openssl --disable-samples \
		--disable-dependency-tracking
	make -j"$JOBS" include/event2/event-config.h
	make -j"$JOBS" libevent.la libevent_core.la libevent_extra.la libevent_pthreads.la test/regress
	make install-libLTLIBRARIES install-nobase_dist_includeHEADERS install-nodist_event2_includeHEADERS install-data || make install-data
	program test/regress
}
