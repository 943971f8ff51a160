about="connects any two of sockets, terminals, pipes, files and programs"
version=1.7.4.4
debian_patches=all

build() {
	# What configure finds by running programs.
	[ "$flavour" = native ] || export ac_cv_have_c99_snprintf=yes sc_cv_sys_crdly_shift=9 sc_cv_sys_tabdly_shift=11 sc_cv_sys_csize_shift=4
	./configure ${host:+--host=$host} --disable-openssl --disable-readline --disable-libwrap
	make -j"$JOBS" socat filan procan
	for p in socat filan procan; do program $p; done
}
