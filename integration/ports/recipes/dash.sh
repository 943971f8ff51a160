about="the Debian Almquist shell"
version=0.5.12

build() {
	./configure ${host:+--host=$host}
	make -j"$JOBS"
	program src/dash
}
