# Pipelines, their statuses, big data through them, and closed ends.
echo hello | tr a-z A-Z
echo one two three | tr ' ' '\n' | sort -r | head -n 2 | sed 's/^/> /'
false | true; echo $?
true | false; echo $?
! true | false; echo $?
(exit 3) | (exit 4); echo $?
seq 1 20000 | while read n; do :; done; echo "read all: $?"
seq 1 100000 | tail -n 1
seq 1 100000 | head -n 3
yes | head -n 2
dd if=/dev/zero bs=1024 count=1000 2>/dev/null | wc -c
seq 1 50 | { read a; read b; echo "$a $b"; wc -l; }
printf 'a\nb\nc\n' | while read x; do echo "got $x"; done
x=before; echo after | read x; echo "$x"
{ echo out; echo err >&2; } 2>&1 | sort
echo to stderr 2>&1 >&2 | cat
seq 1 5 | tee tee.out | wc -l; cat tee.out
cat < /dev/null | wc -c
i=0; while [ $i -lt 30 ]; do echo $i; i=$((i+1)); done | grep 7 | wc -l
echo long | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat
