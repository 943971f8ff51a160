about="Of its thousand scripts those that try each part of git once: the test library, objects, the index, refs,
configuration, checkout, merge, rebase, stash, diff, patches, packs, fetch and push, revisions, submodules, status, commit,
blame, imports. None that needs Perl modules, a network server or a second user."

set="0000 0001 0002 0003 0005 0008 0012 0017 0020 0021 0030 0040 0060 0061 0063 0211 0300 1006 1011 1050 1300 1305
1400 1403 1410 1450 1500 1503 1506 1700 2004 2013 2020 2070 2200 2400 3000 3001 3070 3200 3301 3400 3404 3418 3420 3501
3600 3700 3903 4001 4003 4013 4015 4103 4150 4200 4202 4205 4211 5000 5300 5302 5304 5310 5400 5403 5500 5510 5516 5528
5600 5605 5700 6001 6012 6030 6120 6200 6300 6402 6406 6416 6423 6500 7004 7061 7102 7300 7400 7406 7500 7501 7502 7508
7600 7700 7800 7810 7900 8001 9300 9350"
scripts=
slower=12 # most of the time goes into starting git

# What make makes beside the programs: scripts, templates, the wrappers on PATH.
prepare() {
	cp -a "$cache/git/source/." .
	make NO_CURL=1 NO_OPENSSL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_PERL=1 NO_PYTHON=1 NO_TCLTK=1 NO_REGEX=NeedsStartEnd \
		GIT-BUILD-OPTIONS git-mergetool--lib git-sh-i18n git-sh-setup git-bisect git-difftool--helper git-filter-branch git-merge-octopus \
		git-merge-one-file git-merge-resolve git-mergetool git-quiltimport git-request-pull git-submodule \
		bin-wrappers/git bin-wrappers/test-tool bin-wrappers/git-upload-pack bin-wrappers/git-receive-pack \
		bin-wrappers/git-upload-archive
	make -C templates
	make --eval='list: ; @for c in $(BUILT_INS); do ln -sf git $$c; done' list
}

suite() {
	launcher git git git --native-exec
	launcher t/helper/test-tool git test-tool --native-exec
	cd t
	for n in $set; do scripts="$scripts $(ls t$n-*.sh)"; done
	for t in ${PARTS:-$scripts}; do
		part "$t" sh "./$t" --root="$work"
		tap
	done
}
