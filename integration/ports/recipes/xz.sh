about="the LZMA compressor, with worker threads, and its library"
version=5.4.1
source=xz-utils

build() {
	./configure ${host:+--host=$host} --prefix="$out" --disable-nls --disable-dependency-tracking --disable-shared \
		--disable-doc --enable-threads=posix
	make -j"$JOBS"
	make -C src/liblzma install
	program src/xz/xz
	program src/xzdec/xzdec
}
