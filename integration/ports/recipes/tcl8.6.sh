about="the Tcl language: tclsh, with threads, processes and sockets"
version=8.6.13+dfsg
needs=zlib

# tcl.h takes a system without 64 bits in pointers for one without them in a long.
prepare() {
	sed -i 's/^#if defined(__GNUC__) && !defined(_WIN32) && !defined(__LP64__)$/& \&\& !defined(__wali__)/' generic/tcl.h
	grep -q '__wali__' generic/tcl.h
}

build() {
	cd unix
	# Configure asks by running programs.
	[ "$flavour" = native ] || export tcl_cv_strtod_buggy=ok tcl_cv_strtoul_unbroken=ok tcl_cv_strstr_unbroken=ok \
		tcl_cv_strtod_unbroken=ok ac_cv_func_strtod=yes tcl_cv_getaddrinfo=yes
	./configure ${host:+--host=$host} --prefix="$out" --disable-shared --enable-threads
	# tcltest has what its own tests ask.
	make -j"$JOBS" BUILD_DLTEST= tclsh tcltest
	make install-libraries
	program tclsh
	program tcltest
}
