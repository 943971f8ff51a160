about="GNU make"
source=make-dfsg
version=4.3
debian_patches=all
tools="autoreconf:autoconf automake:automake autopoint:autopoint"

# Debian's source has no configure: documentation with another licence was taken out of it.
prepare() {
	autoreconf -fi
}

build() {
	# A module has no dlopen.
	./configure ${host:+--host=$host} --disable-nls --disable-dependency-tracking --without-guile --disable-load
	make -j"$JOBS" -C lib
	make -j"$JOBS" make
	program make
}
