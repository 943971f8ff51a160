about="terminals in a terminal, that outlive it"
version=3.3a
debian_patches=all
needs="libevent ncurses"
tools="bison:bison"

build() {
	./configure ${host:+--host=$host} --disable-utf8proc --disable-systemd --disable-dependency-tracking
	make -j"$JOBS"
	program tmux
}
