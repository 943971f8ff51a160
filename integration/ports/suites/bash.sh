# A part's script compares what a shell prints with what is expected: each difference is a failed check, named
# by the lines of the expected output. Some read from their terminal, which script gives them. LOCPATH is for
# the system's C library; musl has UTF-8 by any name.
about="The parts of its run-all. Shells that a test starts by name are started as modules of their own."

prepare() {
	mkdir locales
	for l in de_DE en_US fr_FR ja_JP; do localedef -f UTF-8 -i $l ./locales/$l.UTF-8; done
	cp -a "$cache/bash/source/." .
	./configure --without-bash-malloc --disable-nls --without-curses --disable-threads --disable-rpath CFLAGS="-std=gnu89 -w"
	make recho zecho printenv xcase version.h
}

suite() {
	launcher bash bash bash --native-exec
	unset LC_ALL BASH_ENV
	export LANG=C TERM=dumb LOCPATH="$PWD/locales" THIS_SH="$PWD/bash" BUILD_DIR="$PWD" PATH="$PWD:$PATH"
	cd tests
	export BASH_TSTOUT="$work/out" PATH=".:$PATH"
	for t in ${PARTS:-$(ls run-* | sed 's/^run-//' | grep -vxE 'all|minimal|gprof')}; do
		rm -rf "$BASH_TSTOUT"
		part "$t" script -qec "sh run-$t" /dev/null
		tr -d '\r' <log | awk -v part="$t" -v status="$status" '
			/^[0-9,]+[acd][0-9,]+$/ { sub(/.*[acd]/, ""); print "not ok " part ": lines " $0; n++ }
			END { if (status >= 124) exit; if (!n) print (status ? "not ok " part ": exit status" : "ok " part ": output") }'
	done
}
