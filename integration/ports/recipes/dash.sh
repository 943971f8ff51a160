about="Debian's /bin/sh"
version=0.5.12

build() {
	# What configure finds by running programs.
	[ "$flavour" = native ] || export ac_cv_func_strtod=yes
	./configure ${host:+--host=$host} --disable-fnmatch --disable-glob
	make -j"$JOBS"
	program src/dash
}
