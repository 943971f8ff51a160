# needs: ninja-build
# flags: --native-exec --max-files 2000
export LC_ALL=C NINJA_STATUS='[%f/%t] '; ninja=$(type -p ninja) own=$(type -p ninja_test); PATH=/usr/bin:/bin; ulimit -n 2000
n() { "$ninja" -j1 "$@"; echo "status $?"; }
for f in one two three; do printf '#include "all.h"\nint %s(void) { return %s; }\n' $f 4 >$f.c; done
echo 'int one(void), two(void), three(void);' >all.h; printf '#include "all.h"\n#include <stdio.h>\nint main(void) { printf("%%d\\n", one() * two() + three()); return 0; }\n' >main.c
cat >build.ninja <<'END'
ninja_required_version = 1.8
builddir = .log
cflags = -O1
pool one
  depth = 1
rule cc
  command = cc $cflags -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
  description = CC $out
rule ar
  command = rm -f $out; ar rc $out $in
  description = AR $out
rule link
  command = cc -o $out @$out.rsp
  rspfile = $out.rsp
  rspfile_content = $in
  description = LINK $out
  pool = one
rule generate
  command = echo '#define VERSION 1' >$out.new; if cmp -s $out.new $out; then rm $out.new; else mv $out.new $out; fi
  restat = 1
  description = GENERATE $out
build main.o: cc main.c
build one.o: cc one.c | version.h
build two.o: cc two.c
build three.o: cc three.c
  cflags = -O0
build library.a: ar three.o
build version.h: generate seed
build program: link main.o one.o two.o library.a
build everything: phony program
default everything
END
touch seed
n -j2 | sed 's/^[^ ]* //' | sort; ./program; n; sed -i s/4/5/ two.c; n; ./program; echo '/* more */' >>all.h; n -n | tail -n 2
sleep 0.01; touch seed; n -d explain 2>&1 | grep -v 'all\.h\|\.o' | sed "s/(.*)//" | sort; n
n -t targets all | sort; n -t query program; n -t commands program | wc -l; n -t deps two.o | tail -n +2; n -t inputs program; n -t graph | grep -c label; n -t compdb cc | grep -c '"file"'; n -t rules
echo 'int broken' >one.c; n 2>/dev/null | grep -c FAILED; n -k 0 2>/dev/null | tail -n 2; n -t clean; n nothing; n -C nowhere 2>&1; n -f - 2>&1; echo 'rule' >bad.ninja; n -f bad.ninja 2>&1
# What is stopped leaves no half of a file, nor any process.
cat >stop.ninja <<'END'
rule slow
  command = echo half >$out; echo $$$$ >$out.pid; touch ready; sleep 60
  depfile = none.d
rule kill
  command = kill -$signal $$$$
rule many
  command = echo $out >$out
build slow: slow
build int: kill
  signal = INT
build segv: kill
  signal = SEGV
END
for i in $(seq 100); do echo "build m$i: many"; echo "all=\$all m$i"; done >>stop.ninja
for s in INT TERM HUP; do
	rm -f ready; "$ninja" -f stop.ninja slow >stopped 2>&1 & pid=$!
	until [ -e ready ]; do sleep 0.02; done
	kill -$s $pid; wait $pid; echo "$s: $?"; tail -n 1 stopped; test -e slow; echo $?; kill -0 $(cat slow.pid) 2>/dev/null; echo $?
done
n -f stop.ninja int 2>&1 | grep -v ninja:; n -f stop.ninja segv 2>&1; n -f stop.ninja -j8 $(seq -f m%g 100) | tail -n 1; cat m* | sort | cksum
mkdir tmp; TMPDIR=$PWD/tmp "$own" >own 2>&1; echo $?; tr '\r' '\n' <own | sed -n 's/^\[[0-9]*\/[0-9]*\] //p' | sort; grep -c '^passed' own
rm -rf tmp .log .ninja_* *.o *.a program own stopped slow.pid MissingDepTest-*
