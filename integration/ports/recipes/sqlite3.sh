about="the SQLite shell, its speed test and the library"
version=3.40.1
tools="tclsh:tcl cc:gcc"

# One big source file and the shell's, as SQLite's own release process makes them.
prepare() {
	./configure --disable-tcl --disable-readline
	make sqlite3.c shell.c
}

build() {
	options="-DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE
		-DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_DBSTAT_VTAB"
	$CC $CFLAGS $options -c sqlite3.c
	$CC $CFLAGS $options -I. -o sqlite3 shell.c sqlite3.o -lm -lpthread
	$CC $CFLAGS $options -I. -o speedtest1 test/speedtest1.c sqlite3.o -lm -lpthread
	program sqlite3
	program speedtest1
	mkdir -p "$out/lib" "$out/include"
	$AR rcs "$out/lib/libsqlite3.a" sqlite3.o
	cp sqlite3.h "$out/include"
}
