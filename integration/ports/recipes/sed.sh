about="the stream editor"
version=4.9

build() {
	./configure ${host:+--host=$host} --disable-nls --disable-dependency-tracking
	make -j"$JOBS"
	program sed/sed
}
