about="in-memory data store with background threads, its client and its benchmark"
version=7.0.15
debian_patches=all

build() {
	# jemalloc wants an address space of its own kind; both builds use their C library's
	# allocator, to be comparable.
	make -C src -j"$JOBS" V=1 MALLOC=libc USE_SYSTEMD=no BUILD_TLS=no CC="$CC" AR="$AR" RANLIB="$RANLIB" \
		redis-server redis-cli redis-benchmark
	program src/redis-server
	program src/redis-cli
	program src/redis-benchmark
}
