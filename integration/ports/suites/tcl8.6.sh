about="All files of tests but those of other systems, with the shell that has Tcl's test commands."

prepare() {
	cp -a "$cache/tcl8.6/source/." .
}

suite() {
	launcher unix/tcltest tcl8.6 tcltest --native-exec
	export TCL_LIBRARY="$PWD/library"
	cd tests
	for t in ${PARTS:-$(ls *.test | grep -vE '^(win|macOSX|registry)')}; do
		part "$t" ../unix/tcltest "$t" -verbose 'pass skip error'
		awk -v part="$t" -v status="$status" '
			/^\+\+\+\+ .* PASSED$/ { print "ok " part ": " $2; n++ }
			/^\+\+\+\+ .* SKIPPED: / { print "skip " part ": " $2; n++ }
			/^==== .* FAILED$/ && NF == 3 { print "not ok " part ": " $2; n++ }
			END { if (!n) print "skip " part ": all of it"; if (status && status < 124) print "not ok " part ": exit status " status }' log
	done
}
