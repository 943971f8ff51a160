about="the Python language: its interpreter with the standard library"
version=3.11.2
needs="zlib xz bzip2 sqlite3 openssl ncurses readline"

# Configure takes every compiler with icc in its name for Intel's.
prepare() {
	sed -i 's/\*icc\*)/icc)/' configure
}

build() {
	# Threads have a megabyte of stack; other C libraries than glibc give them little.
	export CPPFLAGS="$CPPFLAGS -DTHREAD_STACK_SIZE=0x100000" OPT="-DNDEBUG -fwrapv" LIBS=-lm \
		MODULE_BUILDTYPE=static LINKFORSHARED=" "
	if [ "$flavour" = wali ]; then
		export LDFLAGS="$LDFLAGS -Wl,-z,stack-size=8388608"
		# Configure asks by running programs.
		export ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no ac_cv_buggy_getaddrinfo=no ac_cv_pthread_is_default=yes \
			ac_cv_pthread_key_t_is_arithmetic_type=yes ac_cv_aligned_required=no ac_cv_pthread_system_supported=yes \
			ac_cv_posix_semaphores_enabled=yes ac_cv_broken_sem_getvalue=no ac_cv_working_tzset=yes \
			ac_cv_have_size_t_format=yes READELF=true
	fi
	./configure ${host:+--host=$host --build=$(./config.guess) --with-build-python="$dir/native/python3"} \
		--prefix="$out" --without-ensurepip --with-openssl="$cache/openssl/$flavour"
	# All modules are built in, but what must be a shared library and what needs libraries
	# of the system, which only the native build would find; and those that are not in the list.
	sed '/^\*shared\*/,$d; /^\(_testinternalcapi\|_xxtestfuzz\|_gdbm\|_tkinter\|_uuid\|nis\) /d' \
		Modules/Setup.stdlib >Modules/Setup.local
	cat >>Modules/Setup.local <<-'END'
		readline readline.c -lreadline -ltinfo
		_curses _cursesmodule.c -DHAVE_NCURSESW -lncursesw -ltinfo
		_curses_panel _curses_panel.c -DHAVE_NCURSESW -lpanelw -lncursesw -ltinfo
	END
	make -j"$JOBS" python pybuilddir.txt
	program python python3 python python3.11
	mkdir -p "$out/lib/python3.11/lib-dynload"
	cp -a Lib/. "$(cat pybuilddir.txt)"/_sysconfigdata_*.py "$out/lib/python3.11"
	"$dir/native/python3" -m compileall -q -x '/(test|tests|lib2to3|idlelib)/' "$out/lib/python3.11"
}
