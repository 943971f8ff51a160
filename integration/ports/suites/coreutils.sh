about="All tests but those for root alone, a part for each directory of them. Those for others than root are skipped."

# The tests need a makefile and the programs.
prepare() {
	cp -a "$cache/coreutils/source/." .
	FORCE_UNSAFE_CONFIGURE=1 ./configure --disable-nls --disable-dependency-tracking --enable-single-binary=symlinks \
		--without-selinux --without-openssl --disable-libcap --disable-acl --disable-xattr
	cp "$cache/coreutils/native/config.h" lib
	cp "$cache/coreutils/native/getlimits" src
	# All programs are there, by other rules.
	sed -i '/^$(TEST_LOGS): $(PROGRAMS)$/d' Makefile
	make -s --eval='list: ; @echo $(filter-out $(all_root_tests),$(all_tests))' list | tr ' ' '\n' >tests/list
}

suite() {
	launcher src/coreutils coreutils coreutils --native-exec
	while read -r p; do ln -sf coreutils "src/$p"; done <"$cache/coreutils/native/coreutils.links"
	for folder in ${PARTS:-$(cut -d/ -f2 tests/list | sort -u)}; do
		automake "$folder" . "$(grep "^tests/$folder/" tests/list | tr '\n' ' ')"
	done
}
