about="the block-sorting compressor, and its library"
version=1.0.8

# A format that only glibc knows.
prepare() {
	sed -i 's/%Lu/%llu/' bzip2recover.c
}

build() {
	make -j"$JOBS" CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64" libbz2.a bzip2 bzip2recover
	program bzip2 bzip2 bunzip2 bzcat
	program bzip2recover
	mkdir -p "$out/lib" "$out/include"
	cp libbz2.a "$out/lib"
	cp bzlib.h "$out/include"
}
