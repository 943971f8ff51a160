about="Debian's awk"
version=1.3.4.20200120

build() {
	./configure ${host:+--host=$host} --with-builtin-srand
	make -j"$JOBS"
	program mawk
}
