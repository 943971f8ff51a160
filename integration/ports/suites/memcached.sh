about="All, but for the test of its source's white space."
abreast=yes

suite() {
	cp -a "$cache/memcached/source" memcached
	cd memcached
	cc -o timedrun timedrun.c
	for p in memcached-debug memcached sizes; do launcher $p memcached $p --max-files 20000; done
	for t in ${PARTS:-$(ls t/*.t | grep -v whitespace.t)}; do
		part "$t" perl -I t/lib "$t"
		tap
	done
}
