about="find and xargs"
version=4.9.0

build() {
	./configure ${host:+--host=$host} --disable-nls --disable-dependency-tracking
	make -j"$JOBS"
	program find/find
	program xargs/xargs
}
