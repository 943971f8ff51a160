about="a library for command lines that can be edited, with an example"
version=8.2
debian_patches="0001-Readline-8.2-patch-1-fix-crash-when-readline-is-star.patch"
needs=ncurses

build() {
	# What configure finds by running programs.
	if [ "$flavour" = wali ]; then
		export bash_cv_func_sigsetjmp=present bash_cv_must_reinstall_sighandlers=no bash_cv_func_strcoll_broken=no \
			bash_cv_func_ctype_nonascii=no bash_cv_wcwidth_broken=no ac_cv_func_strcoll_works=yes
	fi
	bash_cv_termcap_lib=libtinfo ./configure ${host:+--host=$host} --prefix="$out" --disable-shared --disable-install-examples
	make -j"$JOBS" static
	make install-static install-headers
	make -C examples fileman TERMCAP_LIB=-ltinfo
	program examples/fileman
}
