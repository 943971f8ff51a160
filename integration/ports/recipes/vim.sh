about="vi improved, in its tiny version"
version=9.0.1378
debian_patches=all
needs=ncurses

build() {
	# What configure finds by running programs.
	if [ "$flavour" = wali ]; then
		export vim_cv_toupper_broken=no vim_cv_terminfo=yes vim_cv_tgetent=zero vim_cv_getcwd_broken=no \
			vim_cv_stat_ignores_slash=no vim_cv_memmove_handles_overlap=yes vim_cv_bcopy_handles_overlap=yes \
			vim_cv_memcpy_handles_overlap=no vim_cv_timer_create=yes vim_cv_timer_create_with_lrt=no
	fi
	./configure ${host:+--host=$host} --with-features=tiny --with-tlib=tinfo --enable-gui=no --without-x --disable-nls \
		--disable-acl --disable-gpm --disable-sysmouse --disable-libsodium --disable-canberra --disable-netbeans --disable-channel
	make -j"$JOBS" -C src vim
	program src/vim
}
