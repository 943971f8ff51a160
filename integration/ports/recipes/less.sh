about="shows text page by page"
version=590
debian_patches=all
needs=ncurses

build() {
	./configure ${host:+--host=$host}
	make -j"$JOBS" less
	program less
}
