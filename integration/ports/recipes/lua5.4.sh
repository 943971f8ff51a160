about="the Lua interpreter and compiler"
version=5.4.4
# The others of Debian's patches change the build system and the module paths.
debian_patches="0004-cve-2022-28805.patch 0005-cve-2022-33099.patch"

build() {
	make -C src -j"$JOBS" lua luac CC="$CC -std=gnu99" AR="$AR rc" RANLIB="$RANLIB" LIBS=-lm \
		CFLAGS="$CFLAGS -Wall -DLUA_COMPAT_5_3 -DLUA_USE_POSIX"
	program src/lua
	program src/luac
}
