about="All of its scripts; the driver counts their checks and names none."

prepare() {
	cp -a "$cache/make/source/." .
	./configure --disable-nls --disable-dependency-tracking --without-guile
	make tests/config-flags.pm
}

suite() {
	launcher make make make --native-exec
	cd tests
	ulimit -n 128
	for script in ${PARTS:-$(cd scripts && ls -d */* | grep -v ^vms/)}; do
		part "$script" perl run_make_tests.pl -srcdir "$PWD/.." -make ../make "$script"
		# One line tells how many there were and how many passed, or that there was nothing to do.
		awk -v part="$script" '
			/(^| )(ok|FAILED) +\(/ {
				match($0, /\([0-9\/]+ passed\)/)
				split(substr($0, RSTART + 1), n, /[\/ ]/)
				all = n[2] == "passed)" ? n[1] : n[2]
				for (i = 1; i <= n[1]; i++) print "ok " part ": check"
				for (; i <= all; i++) print "not ok " part ": check"
				told = 1
			}
			/ N\/A/ { print "skip " part ": all of it"; told = 1 }
			END { if (!told) print "not ok " part ": no result" }' log
	done
}
