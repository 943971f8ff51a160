about="searches text by pattern"
version=3.8

build() {
	./configure ${host:+--host=$host} --disable-nls --disable-dependency-tracking
	# Its probe does not know the machine, and what handles an overflowing stack asks.
	[ "$flavour" = native ] || sed -i "s/STACK_DIRECTION 0/STACK_DIRECTION -1/" config.h
	make -j"$JOBS"
	program src/grep
}
