about="Its groups of tests but for those of dynamic extensions, of arithmetic by MPFR and of persistent memory, which the build has not."

prepare() {
	# The locales that the tests want and musl has too.
	mkdir locales
	for l in de_DE el_GR en_US fr_FR ja_JP nl_NL pt_BR ru_RU tr_TR; do localedef -f UTF-8 -i $l ./locales/$l.UTF-8; done
	cp -a "$cache/gawk/source/." .
	./configure --disable-nls --disable-dependency-tracking --disable-mpfr --disable-pma --disable-extensions
}

suite() {
	export LOCPATH="$PWD/locales"
	launcher gawk gawk gawk --native-exec
	cd test
	for group in ${PARTS:-BASIC_TESTS UNIX_TESTS GAWK_EXT_TESTS LOCALE_CHARSET_TESTS MACHINE_TESTS}; do
		tests=$(make -s --eval="list: ; @echo \$($group)" list)
		rm -f _*
		part "$group" make -k $tests
		for t in $tests; do
			if ! grep -q "^$t\$" log; then
				echo "not ok $group: $t was not run"
			elif [ -e "_$t" ]; then
				echo "not ok $group: $t"
				diff "$t.ok" "_$t" >>"$results/$suite-$flavour.log" 2>&1 || :
			else
				echo "ok $group: $t"
			fi
		done
	done
}
