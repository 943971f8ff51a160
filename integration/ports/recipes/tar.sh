about="the GNU archiver"
version=1.34+dfsg

build() {
	FORCE_UNSAFE_CONFIGURE=1 ./configure ${host:+--host=$host} --disable-nls --disable-dependency-tracking
	make -j"$JOBS"
	program src/tar
}
