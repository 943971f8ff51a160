# needs: make
# flags: --native-exec
export MAKEFLAGS= LC_ALL=C; make=$(type -p make); PATH=/usr/bin:/bin
for f in one two three; do printf '#include "all.h"\nint %s(void) { return %s; }\n' $f 4 >$f.c; done
echo 'int one(void), two(void), three(void);' >all.h; printf '#include "all.h"\n#include <stdio.h>\nint main(void) { printf("%%d\\n", one() * two() + three()); return 0; }\n' >main.c
cat >Makefile <<'END'
CC = cc
CFLAGS = -O1 -MMD
program: main.o one.o two.o library.a
	$(CC) -o $@ main.o one.o two.o library.a
library.a: three.o
	ar rc $@ $?
-include $(wildcard *.d)
END
"$make" -j2 | sort; ./program; "$make"; sed -i s/4/5/ two.c; "$make" -s; ./program; touch all.h; "$make" -n | wc -l; echo 'int broken' >one.c; "$make" 2>/dev/null; echo $?; rm -f program *.o *.d library.a
