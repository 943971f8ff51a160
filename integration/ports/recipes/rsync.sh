about="copies trees of files, also between machines"
version=3.2.7
debian_patches=all

build() {
	./configure ${host:+--host=$host} --disable-openssl --disable-xxhash --disable-zstd --disable-lz4 --disable-acl-support \
		--disable-xattr-support --disable-iconv --disable-md2man --with-included-zlib --with-included-popt
	make -j"$JOBS"
	program rsync
}
