about="a small build system, built by cmake"
version=1.11.1
cxx=yes
tools="cmake:cmake"

build() {
	[ "$flavour" = native ] || set -- -DCMAKE_TOOLCHAIN_FILE="$ports/walicc.cmake"
	cmake -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON "$@"
	cmake --build build -j"$JOBS" --target ninja ninja_test
	program build/ninja
	program build/ninja_test
}
