about="the deflate library, with its test and minigzip"
version=1.2.13.dfsg
tools=bzip2:bzip2

build() {
	CHOST=${host:-} ./configure --static --prefix="$out"
	make -j"$JOBS" libz.a example minigzip
	make install
	program example
	program minigzip
}
