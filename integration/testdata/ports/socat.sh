# needs: socat
await() { for i in $(seq 200); do [ -e $1 ] && return; sleep 0.05; done; echo "no $1"; }
seq 1 50000 >numbers
socat -u FILE:numbers - | md5sum
socat -u FILE:numbers EXEC:md5sum
echo through a filter | socat -t 5 - EXEC:'tr a-z A-Z'
echo through a terminal | socat -t 5 - EXEC:'tr a-z A-Z',pty,raw,echo=0,setsid,ctty
# A server with a process for each client, three at once.
socat UNIX-LISTEN:server,fork EXEC:'tr a-z A-Z' & server=$!
await server
for n in 1 2 3; do echo client $n | socat -t 5 - UNIX-CONNECT:server >answer$n & clients="$clients $!"; done
wait $clients; cat answer1 answer2 answer3
socat -t 5 - UNIX-CONNECT:server <numbers | md5sum
kill $server; wait $server; echo "server: $?"
# Datagrams, a queue of names, a terminal with a name, a file that grows.
socat -u UNIX-RECV:datagrams - >received & server=$!
await datagrams; for n in 1 2 3; do echo datagram $n | socat -u - UNIX-SENDTO:datagrams; done
for i in $(seq 100); do [ $(wc -l <received) = 3 ] && break; sleep 0.05; done; kill $server 2>/dev/null; wait $server 2>/dev/null; cat received
socat -u PIPE:queue - >received & server=$!
await queue; echo by name >queue; for i in $(seq 100); do [ -s received ] && break; sleep 0.05; done; kill $server 2>/dev/null; wait $server 2>/dev/null; cat received
socat PTY,link=terminal,raw,echo=0 EXEC:'tr a-z A-Z',pty,raw,echo=0 & server=$!
await terminal; echo to a terminal | socat -t 2 - FILE:terminal,raw,echo=0,nonblock; kill $server; wait $server 2>/dev/null
socat -T 0.3 PIPE PIPE; echo "nothing came: $?"
socat - UNIX-CONNECT:nowhere 2>&1 </dev/null | sed 's/.* E //'
socat -u FILE:numbers,seek=10,readbytes=20 -
echo locked | socat -u - CREATE:copy,perm=0640,flock-ex; stat -c '%a %s' copy
filan -s -f numbers | sed 's/.*numbers/numbers/'
rm -f numbers answer* received queue copy server datagrams
