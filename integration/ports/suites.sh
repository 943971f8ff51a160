#!/bin/sh
# suites.sh [redis] [memcached] | table: run programs' own tests against both builds and write the
# counts and the differences to SUITES.md (table: do only that, from what ran last). The test driver and its clients are native; the
# server is the native build, then the module under walisup. Takes half an hour.
# REDIS_UNITS and MEMCACHED_TESTS choose some of the tests, FLAVOURS (native, wali) a build.
set -eu

ports=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$ports/../.." && pwd)
cache=$root/.cache/ports
results=$root/.cache/suites
mkdir -p "$results"
export LC_ALL=C
export WALISUP_CACHE="$root/.cache/tests/compiled"

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
	units=${REDIS_UNITS:-$(cd "$cache/redis/source/tests" && ls unit/*.tcl unit/type/*.tcl integration/*.tcl | sed 's/\.tcl$//' |
		grep -vE '/(printver|tls|violations|corrupt-dump-fuzzer|redis-cli|redis-benchmark|cluster|cluster-scripting)$')}
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
	[ "$flavour" = native ] || export LAUNCHED=1
	for unit in $units; do
		echo "$unit" >&2
		timeout -k 5 "${LIMIT:-300}" ./runtest --clients 1 --single "$unit" >log 2>&1 || status=$?
		cat log >>"$results/redis-$flavour.log"
		[ "${status:-0}" != 124 ] || echo "not ok $unit: did not end"
		status=
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
	for t in ${MEMCACHED_TESTS:-$(ls t/*.t)}; do
		case $t in */whitespace.t) continue ;; esac # looks at the source
		echo "$t" >&2
		timeout -k 5 "${LIMIT:-120}" perl -I t/lib "$t" >log 2>&1 || status=$?
		cat log >>"$results/memcached-$flavour.log"
		[ "${status:-0}" != 124 ] || echo "not ok $t: did not end"
		status=
		sed -nE "s,^ok [0-9]+( - )?(.*),ok $t: \2,p; s,^not ok [0-9]+( - )?(.*),not ok $t: \2,p; s,^1\.\.0.*,ok $t: skipped,p" log
	done
}

[ $# -gt 0 ] || set -- redis memcached
if [ "$1" = table ]; then shift; else "$ports/port.sh" build "$@"; fi
for suite; do
	for flavour in ${FLAVOURS:-native wali}; do
		work=$(mktemp -d)
		echo "== $suite, $flavour" >&2
		: >"$results/$suite-$flavour.log"
		("$suite") >"$results/$suite-$flavour"
		rm -rf "$work"
	done
done

{
	cat <<-END
		# Programs' own tests

		Written by \`suites.sh\`: the drivers and the clients are native, the server is built from Debian's source,
		natively and with walicc. Counted are the driver's checks, in the parts that both builds ran; a part that does not
		end in time counts as a failed check.

		| suite | native: passed | failed | walisup: passed | failed |
		|---|---|---|---|---|
	END
	for suite in redis memcached; do
		[ -e "$results/$suite-wali" ] || continue
		printf '| %s, %d parts' "$suite" "$(sed -E 's/^(not )?ok ([^:]*):.*/\2/' "$results/$suite-wali" | sort -u | wc -l)"
		for flavour in native wali; do
			printf ' | %d | %d' "$(grep -ac '^ok' "$results/$suite-$flavour")" "$(grep -ac '^not ok' "$results/$suite-$flavour")"
		done
		echo ' |'
	done
	cat <<-END

		redis's title test looks for what redis writes over its arguments, which ps shows of a native program only.
		memcached's 64bit.t is for builds with pointers of 64 bits.
	END
	for suite in redis memcached; do
		[ -e "$results/$suite-wali" ] || continue
		printf '\n%s, what failed under walisup and not natively:\n\n' "$suite"
		grep -a '^not ok' "$results/$suite-native" | sort >"$results/native-failed" || :
		grep -a '^not ok' "$results/$suite-wali" | sort | comm -13 "$results/native-failed" - | sed 's/^not ok /- /' |
			sed -E 's/[0-9]{4,}/N/g' | uniq -c | sed -E 's/^ *1 //; s/^ *([0-9]+) (.*)/\2 (\1 times)/' | grep . || echo nothing
	done
} >"$ports/SUITES.md"
cat "$ports/SUITES.md"
