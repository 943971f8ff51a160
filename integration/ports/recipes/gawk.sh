about="the GNU awk language"
version=5.2.1

build() {
	./configure ${host:+--host=$host} --disable-nls --disable-dependency-tracking
	# Its manual is not in the source.
	make -j"$JOBS" -C support
	make -j"$JOBS" gawk
	program gawk
}
