# Background commands, wait, and signals to them.
exec 2>/dev/null # whether a shell reports a killed job depends on when it sees it
sleep 0.05 & wait $!; echo $?
(exit 5) & wait $!; echo $?
(exit 6) & a=$!; (exit 7) & b=$!; wait $b; echo $?; wait $a; echo $?
for i in 1 2 3 4 5 6 7 8; do (exit $i) & done; wait; echo "all: $?"
sleep 100 & kill $!; wait $!; echo $?
sleep 100 & kill -KILL $!; wait $! 2>/dev/null; echo $?
wait 99999 2>/dev/null; echo $?
{ sleep 0.05; echo late; } & echo early; wait
mkfifo pipe; cat pipe & echo through the fifo > pipe; wait
(trap 'echo got it; exit 3' TERM; echo ready > flag; while :; do sleep 0.02; done) & p=$!
while [ ! -s flag ]; do sleep 0.02; done; kill $p; wait $p; echo $?
(trap '' TERM; echo ready > flag2; sleep 0.3; exit 4) & p=$!
while [ ! -s flag2 ]; do sleep 0.02; done; kill $p; wait $p; echo $?
n=0; while [ $n -lt 20 ]; do : & n=$((n+1)); done; wait; echo twenty
echo $! | grep -q '^[0-9][0-9]*$' && echo number
cat < /dev/null & wait; echo "$?"
