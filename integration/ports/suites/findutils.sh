about="All tests but those of its part of gnulib."

prepare() {
	cp -a "$cache/findutils/source/." .
	./configure --disable-nls --disable-dependency-tracking
	make -j2
	make check TESTS= SUBDIRS=.
}

suite() {
	for p in find/find xargs/xargs; do launcher "$p" findutils "${p##*/}" --native-exec; done
	automake tests .
}
