about="event loop library, for memcached"
version=2.1.12-stable

build() {
	./configure ${host:+--host=$host} --prefix="$out" --disable-shared --disable-openssl --disable-samples \
		--disable-libevent-regress --disable-dependency-tracking
	make -j"$JOBS" include/event2/event-config.h
	make -j"$JOBS" libevent.la libevent_core.la libevent_extra.la libevent_pthreads.la
	make install-libLTLIBRARIES install-nobase_dist_includeHEADERS install-nodist_event2_includeHEADERS install-data || make install-data
}
