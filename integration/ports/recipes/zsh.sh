about="the Z shell"
version=5.9
debian_patches=all
needs=ncurses

build() {
	./configure ${host:+--host=$host} --disable-dynamic --disable-gdbm --disable-pcre --disable-cap --with-tcsetpgrp
	make -j"$JOBS" -C Src
	program Src/zsh
}
