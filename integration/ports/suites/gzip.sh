about="All tests but those of its part of gnulib. Its scripts, zdiff and zgrep among them, are run by the system's shell."

prepare() {
	cp -a "$cache/gzip/source/." .
	./configure --disable-nls --disable-dependency-tracking
	make -j2
	make -C tests check TESTS=
}

suite() {
	launcher gzip gzip gzip --native-exec
	automake tests tests
}
