about="pkg-config's successor, built by meson"
version=1.8.1
tools="meson:meson ninja:ninja-build"

build() {
	cross=
	[ "$flavour" = native ] || cross="--cross-file $ports/walicc.meson"
	# A cross file names its compiler; one from the environment would be the build machine's.
	export PATH=$root/bin:$PATH
	(unset CC CXX AR CPPFLAGS CFLAGS LDFLAGS; meson setup out $cross --buildtype=release \
		-Ddefault_library=static -Dtests=false --prefix=/usr)
	ninja -C out -j"$JOBS" pkgconf
	program out/pkgconf
}
