#!/bin/sh
# suites.sh [SUITE...] | table: run programs' own tests against both builds and write the counts
# and the differences to SUITES.md (table: only write, from what ran last). The test driver and
# its clients are native; the program under test is the native build, then the module under
# walisup. PARTS="a b" chooses some parts of the suites, FLAVOURS="native wali" one build.
#
# A suite is a function below, named in $all. It is called once for each flavour, in an empty
# folder; it runs its parts with part, and prints a line "ok PART: CHECK" or "not ok PART: CHECK"
# for each check. The name of a part has no colon and no space. What fails under walisup alone
# is explained in suites.tsv, or is a bug.
set -eu

all="redis memcached"
# Those whose two builds do not disturb each other, and are run at the same time.
abreast="redis memcached"
ports=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$ports/../.." && pwd)
cache=$root/.cache/ports
results=$root/.cache/suites
mkdir -p "$results"
export LC_ALL=C
export WALISUP_CACHE="$root/.cache/tests/compiled"

# part NAME COMMAND...: run a part of the suite, its output into the file log, and print what
# becomes of it if it does not end. A native part has six minutes; a module has four times what
# the native build took and two minutes, or twelve if that is not known yet.
part() {
	echo "  $1 ($flavour)" >&2
	name=$1 limit=360 begin=$(date +%s) status=0
	shift
	[ "$flavour" = native ] || limit=$(awk -v p="$name" '$1 == p { print 4 * $2 + 120; found = 1 } END { if (!found) print 720 }' "$results/$suite-native.times")
	timeout -k 5 "$limit" "$@" >log 2>&1 </dev/null || status=$?
	echo "$name $(($(date +%s) - begin))" >>"$results/$suite-$flavour.times"
	cat log >>"$results/$suite-$flavour.log"
	case $status in 124 | 137) echo "not ok $name: did not end" ;; esac
	return 0
}

# launcher FILE PORT PROGRAM: make FILE start a program of the flavour under test.
launcher() {
	mkdir -p "$(dirname "$1")"
	if [ "$flavour" = native ]; then
		printf '#!/bin/sh\nexec "%s" "$@"\n' "$cache/$2/native/$3" >"$1"
	else
		printf '#!/bin/sh\nexec "%s" start --max-files 20000 -- "%s" "$@"\n' "$root/bin/walisup" "$cache/$2/wali/$3.wasm" >"$1"
	fi
	chmod +x "$1"
}

# redis: its tests signal the process that they start, which is walisup; and wait for a log
# that names its pid. So the driver is told to take the child of what it has started. A stop
# stops walisup too, so what continues the child at its end must continue walisup.
redis() {
	units=$(cd "$cache/redis/source/tests" && ls unit/*.tcl unit/type/*.tcl integration/*.tcl | sed 's/\.tcl$//' |
		grep -vE '/(printver|tls|violations|corrupt-dump-fuzzer|redis-cli|redis-benchmark|cluster|cluster-scripting)$')
	cp -a "$cache/redis/source" "$work/redis"
	cd "$work/redis"
	awk '{ print } /ASAN_OPTIONS=allocator_may_return_null=1 \{\*\}\$cmd/ { inside = 1 } inside && /^    }/ {
		print "    if {[info exists ::env(LAUNCHED)]} {"
		print "        set launcher $pid"
		print "        while {[catch {exec cat /proc/$launcher/task/$launcher/children} pid] == 0 && $pid eq \"\"} {after 10}"
		print "        set pid [string trim $pid]"
		print "    }"
		inside = 0 }
		/exec kill -SIGCONT \$pid/ { print "    catch {exec kill -SIGCONT {*}[exec ps -o ppid= -p $pid]}" }' tests/support/server.tcl >server.tcl
	mv server.tcl tests/support/server.tcl
	launcher src/redis-server redis redis-server
	# The server by another name checks files.
	ln -s "$cache/redis/native/redis-server" redis-check-aof
	[ "$flavour" = native ] || ln -sf "$cache/redis/wali/redis-server.wasm" redis-check-aof
	sed "s,\"[^\"]*redis-server[^\"]*\",\"$PWD/redis-check-aof\"," src/redis-server >src/redis-check-aof
	chmod +x src/redis-check-aof
	for p in cli benchmark; do ln -sf "$cache/redis/native/redis-$p" "src/redis-$p"; done
	unset LAUNCHED
	base=21111
	[ "$flavour" = native ] || { export LAUNCHED=1; base=31111; }
	for unit in ${PARTS:-$units}; do
		part "$unit" ./runtest --baseport $base --clients 1 --single "$unit"
		sed 's/\x1b\[[0-9;]*m//g' log | sed -nE "s,^\[ok\]: (.*) \([0-9]+ ms\)\$,ok $unit: \1,p; s,^\[err\]: (.*) in tests/.*,not ok $unit: \1,p; s,^\[exception\].*,not ok $unit: exception,p"
	done
}

memcached() {
	cp -a "$cache/memcached/source" "$work/memcached"
	cd "$work/memcached"
	cc -o timedrun timedrun.c
	launcher memcached-debug memcached memcached-debug
	launcher memcached memcached memcached
	launcher sizes memcached sizes
	for t in ${PARTS:-$(ls t/*.t | grep -v whitespace.t)}; do # which looks at the source
		part "$t" perl -I t/lib "$t"
		sed -nE "s,^ok [0-9]+( - )?(.*),ok $t: \2,p; s,^not ok [0-9]+( - )?(.*),not ok $t: \2,p; s,^1\.\.0.*,ok $t: skipped,p" log
	done
}

[ $# -gt 0 ] || set -- $all
if [ "$1" = table ]; then shift $#; else "$ports/port.sh" build "$@"; fi
run() {
	work=$(mktemp -d)
	: >"$results/$suite-$flavour.log"
	: >"$results/$suite-$flavour.times"
	(cd "$work" && "$suite") >"$results/$suite-$flavour.new"
	mv "$results/$suite-$flavour.new" "$results/$suite-$flavour"
	rm -rf "$work"
}

for suite; do
	echo "$suite" >&2
	for flavour in ${FLAVOURS:-native wali}; do
		case " $abreast " in
		*" $suite "*) run & ;;
		*) run ;;
		esac
	done
	wait
done

# checks SUITE FLAVOUR ok|"not ok": which there are, numbers that change from run to run masked.
checks() {
	grep -a "^$3 " "$results/$1-$2" | sed -E "s/^$3 //; s/[0-9]{4,}/N/g" | sort || :
}

minutes() {
	awk '{ s += $2 } END { printf "%.1f", s / 60 }' "$results/$1-$2.times"
}

{
	cat <<-END
		# Programs' own tests

		Written by \`suites.sh\`: the drivers and the clients are native, the program under test is built from Debian's
		source, natively and with walicc. Counted are the driver's checks; a part that does not end in time is a
		failed check.

		| suite | parts | native: passed | failed | minutes | walisup: passed | failed | minutes |
		|---|--:|--:|--:|--:|--:|--:|--:|
	END
	for suite in $all; do
		[ -e "$results/$suite-native" ] && [ -e "$results/$suite-wali" ] || continue
		printf '| %s | %d' "$suite" "$(wc -l <"$results/$suite-wali.times")"
		for flavour in native wali; do
			printf ' | %d | %d | %s' "$(checks $suite $flavour ok | wc -l)" "$(checks $suite $flavour 'not ok' | wc -l)" "$(minutes $suite $flavour)"
		done
		echo ' |'
	done
	for suite in $all; do
		[ -e "$results/$suite-native" ] && [ -e "$results/$suite-wali" ] || continue
		printf '\n%s, what failed under walisup and not natively:\n\n' "$suite"
		checks $suite native 'not ok' >"$results/native-failed"
		checks $suite wali 'not ok' | comm -13 "$results/native-failed" - | uniq -c | awk -F'\t' -v suite=$suite '
			FNR == NR { if ($1 == suite) { check[++n] = $2; why[n] = $3 } next }
			{ times = $1 + 0; sub(/^ *[0-9]+ /, ""); reason = "not explained"
			  for (i = 1; i <= n; i++) if (index($0, check[i]) == 1) reason = why[i]
			  print "- " $0 (times > 1 ? " (" times " times)" : "") ": " reason; some = 1 }
			END { if (!some) print "nothing" }' "$ports/suites.tsv" -
	done
} >"$ports/SUITES.md"
cat "$ports/SUITES.md"
