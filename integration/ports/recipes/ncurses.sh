about="a library for programs that draw in terminals"
version=6.4

# As Debian has it: wide characters, and the terminal descriptions in a library of their own. They are read from where
# systems have them, and the programs that compile and show them come along.
build() {
	./configure ${host:+--host=$host} --with-build-cc=cc --with-build-cflags=-O2 --with-build-cppflags= --with-build-ldflags= \
		--prefix="$out" --enable-widec --with-termlib=tinfo --enable-overwrite --without-shared --without-debug --without-ada \
		--without-cxx --without-cxx-binding --without-manpages --without-tests --disable-db-install --disable-stripping \
		--enable-pc-files --with-pkg-config-libdir="$out/lib/pkgconfig" --enable-mixed-case \
		--with-default-terminfo-dir=/etc/terminfo --with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo
	make -j"$JOBS"
	make install.libs install.includes
	program progs/tic
	program progs/infocmp
	program progs/tput
}
