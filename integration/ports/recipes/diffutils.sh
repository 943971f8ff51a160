about="cmp, diff, diff3 and sdiff"
version=3.8

build() {
	./configure ${host:+--host=$host} --disable-nls --disable-dependency-tracking
	# Its probe does not know the machine, and what handles an overflowing stack asks.
	[ "$flavour" = native ] || sed -i "s/STACK_DIRECTION 0/STACK_DIRECTION -1/" lib/config.h
	make -j"$JOBS"
	program src/cmp
	program src/diff
	program src/diff3
	program src/sdiff
}
