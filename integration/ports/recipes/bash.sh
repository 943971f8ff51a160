about="the GNU shell"
version=5.2.15
debian_patches="bash-default-editor.diff deb-bash-config.diff"

build() {
	# What configure finds by running programs. bash's own malloc would reserve memory
	# that the C library cannot give back.
	if [ "$flavour" = wali ]; then
		export bash_cv_func_strtoimax=no bash_cv_func_sigsetjmp=present bash_cv_sys_siglist=no \
			bash_cv_job_control_missing=present bash_cv_sys_named_pipes=present bash_cv_getcwd_malloc=yes \
			bash_cv_func_ctype_nonascii=no bash_cv_must_reinstall_sighandlers=no bash_cv_wcwidth_broken=no \
			bash_cv_unusable_rtsigs=no bash_cv_printf_a_format=yes bash_cv_dup2_broken=no \
			bash_cv_pgrp_pipe=no bash_cv_opendir_not_robust=no bash_cv_ulimit_maxfds=yes \
			bash_cv_func_snprintf=yes bash_cv_func_vsnprintf=yes bash_cv_strtold_broken=no \
			bash_cv_getenv_redef=yes ac_cv_func_chown_works=yes ac_cv_func_strcoll_works=yes \
			bash_cv_wexitstatus_offset=8 bash_cv_fnmatch_equiv_fallback=no
	fi
	./configure ${host:+--host=$host} --without-bash-malloc --disable-nls --without-curses --disable-threads \
		--disable-rpath CFLAGS="$CFLAGS -std=gnu89 -w"
	make -j"$JOBS"
	program bash
}
