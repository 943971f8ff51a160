about="compresses files"
version=1.12

build() {
	./configure ${host:+--host=$host} --disable-nls --disable-dependency-tracking
	make -j"$JOBS"
	program gzip
}
