# Its tests signal the process that they start, which is walisup; and wait for a log
# that names its pid. So the driver is told to take the child of what it has started. A stop
# stops walisup too, so what continues the child at its end must continue walisup.
about="The units that concern the server alone, without a cluster and encryption."
abreast=yes

suite() {
	units=$(cd "$cache/redis/source/tests" && ls unit/*.tcl unit/type/*.tcl integration/*.tcl | sed 's/\.tcl$//' |
		grep -vE '/(printver|tls|violations|corrupt-dump-fuzzer|redis-cli|redis-benchmark|cluster|cluster-scripting)$')
	cp -a "$cache/redis/source" redis
	cd redis
	awk '{ print } /ASAN_OPTIONS=allocator_may_return_null=1 \{\*\}\$cmd/ { inside = 1 } inside && /^    }/ {
		print "    if {[info exists ::env(LAUNCHED)]} {"
		print "        set launcher $pid"
		print "        while {[catch {exec cat /proc/$launcher/task/$launcher/children} pid] == 0 && $pid eq \"\"} {after 10}"
		print "        set pid [string trim $pid]"
		print "    }"
		inside = 0 }
		/exec kill -SIGCONT \$pid/ { print "    catch {exec kill -SIGCONT {*}[exec ps -o ppid= -p $pid]}" }' tests/support/server.tcl >server.tcl
	mv server.tcl tests/support/server.tcl
	launcher src/redis-server redis redis-server --max-files 20000
	# The server by another name checks files.
	ln -sf redis-server src/redis-check-aof
	for p in cli benchmark; do ln -sf "$cache/redis/native/redis-$p" "src/redis-$p"; done
	unset LAUNCHED
	base=21111
	[ "$flavour" = native ] || { export LAUNCHED=1; base=31111; }
	for unit in ${PARTS:-$units}; do
		part "$unit" ./runtest --baseport $base --clients 1 --single "$unit"
		sed 's/\x1b\[[0-9;]*m//g' log | sed -nE "s,^\[ok\]: (.*) \([0-9]+ ms\)\$,ok $unit: \1,p; s,^\[err\]: (.*) in tests/.*,not ok $unit: \1,p; s,^\[exception\].*,not ok $unit: exception,p"
	done
}
