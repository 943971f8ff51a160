about="All tests but those of its part of gnulib."

prepare() {
	cp -a "$cache/diffutils/source/." .
	./configure --disable-nls --disable-dependency-tracking
	make -j2
	make -C tests check TESTS=
}

suite() {
	for p in src/cmp src/diff src/diff3 src/sdiff; do launcher "$p" diffutils "${p##*/}" --native-exec; done
	automake tests tests
}
