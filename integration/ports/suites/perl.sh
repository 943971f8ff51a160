# A test finds perl by $^X, which is the module itself, and starts it by a shell, which is native: it is told the
# launcher's name instead.
about="The language's own tests: t/base, t/cmd, t/comp, t/io, t/op and t/re, without those of Unicode properties and of folding, which need more of the distribution."
abreast=yes slower=12

suite() {
	cp -a "$cache/perl/source" perl
	cp -a "$cache/perl/$flavour/lib/." perl/lib
	cp "$cache/perl/$flavour/config.sh" perl
	cd perl/t
	launcher perl perl perl --native-exec --max-files 4000
	ln -s t/perl ../perl
	[ "$flavour" = native ] || sed -i "2i \$^X = '$PWD/perl' . substr \$^X, 0, 0; # as tainted as it was" test.pl
	export PERL_CORE=1
	for t in ${PARTS:-$(ls base/*.t cmd/*.t comp/*.t io/*.t op/*.t re/*.t | grep -vE 'uniprops|fold_grind')}; do
		part "$t" ./perl -I../lib $(sed -n '1s/^#!.*perl *//p' "$t") "$t"
		tap
	done
}
