about="version control, without its commands that are scripts"
version=2.39.5
needs=zlib

build() {
	# The shell is found by PATH, for a module cannot run a native one. POSIX regular
	# expressions are git's own, as not every C library has REG_STARTEND.
	make -j"$JOBS" CC="$CC" AR="$AR" CFLAGS="$CFLAGS $CPPFLAGS" LDFLAGS="$LDFLAGS" SHELL_PATH=sh NO_REGEX=NeedsStartEnd \
		NO_CURL=1 NO_OPENSSL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_PERL=1 NO_PYTHON=1 NO_TCLTK=1 prefix=/usr sysconfdir=/etc \
		git t/helper/test-tool
	program git
	program t/helper/test-tool
}
