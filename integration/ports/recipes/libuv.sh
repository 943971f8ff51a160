about="event loop library of Node.js, with its test program"
version=1.44.2
source=libuv1
# The others skip tests.
debian_patches="path_max_zero_st_size fix-cve-2024-24806"
tools="cmake:cmake"

build() {
	[ "$flavour" = native ] || set -- -DCMAKE_TOOLCHAIN_FILE="$ports/walicc.cmake"
	cmake -B build -DCMAKE_BUILD_TYPE=Release -DLIBUV_BUILD_BENCH=OFF -DCMAKE_INSTALL_PREFIX="$out" -DCMAKE_INSTALL_LIBDIR=lib "$@"
	cmake --build build -j"$JOBS" --target uv_a uv_run_tests_a
	# Its own install rules want the shared library too.
	mkdir -p "$out/lib/pkgconfig"
	cp -a include "$out"
	cp build/libuv_a.a "$out/lib/libuv.a"
	sed 's/-luv_a/-luv/' build/libuv-static.pc >"$out/lib/pkgconfig/libuv.pc"
	program build/uv_run_tests_a uv_run_tests
}
