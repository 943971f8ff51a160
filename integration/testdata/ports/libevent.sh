# needs: libevent
# The parts at the same time, as they mostly wait; without those that wait longest. And some with each way to wait.
parts="main bufferevent http dns evbuffer util et evtag finalize heap listener rpc signal thread"
for p in $parts; do regress $p/.. :http/cancel_by_host.. :http/cancel_inactive_server >$p.log 2>&1 & done; wait
for p in $parts; do
	awk '/^[a-z]+\/[^ ]+:/ { name = $1 } /(OK|SKIPPED|DISABLED|FAILED\])$/ { last[name] = $NF } END { for (n in last) print n, last[n] }' $p.log | sort | while read -r name result; do
		# Those that measure time may fail once on a busy machine.
		for try in 1 2 3; do [ "$result" != "FAILED]" ] || ! regress ${name%:} >/dev/null 2>&1 </dev/null || result=OK; done
		echo "$name $result"
	done
done
for m in EPOLL POLL SELECT; do
	no=; for o in EPOLL POLL SELECT; do [ $o = $m ] || no="$no EVENT_NO$o=1"; done
	env $no regress --terse main/fork main/simpleread.. main/multiple.. main/priorities.. signal/.. 2>&1 | tail -n 1
	env $no EVENT_SHOW_METHOD=1 regress --no-fork main/simpleread 2>&1 | grep -a using
done
rm -f *.log
