about="a small text editor"
version=7.2
debian_patches=all
needs=ncurses

build() {
	export PKG_CONFIG="pkg-config --static"
	./configure ${host:+--host=$host} --disable-nls --disable-libmagic --disable-dependency-tracking
	make -j"$JOBS" -C lib
	make -j"$JOBS" -C src
	program src/nano
}
