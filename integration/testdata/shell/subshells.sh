# Subshells, groups and functions: what stays inside.
x=outer; (x=inner; echo $x); echo $x
(cd /; pwd); [ "$(pwd)" = "$PWD" ] && echo same folder
(umask 077; umask); umask 022; umask
(exit 9); echo $?
(exit 256); echo $?
( ( ( echo deep; exit 2 ) ; echo $? ; exit 3 ) ; echo $? )
f() { return 5; }; f; echo $?
g() (exit 6); g; echo $?
(echo $$; echo $$) | uniq | wc -l
(trap 'echo inner exit' EXIT; echo body)
set -- a b c; (shift; echo "$@"); echo "$@"
(unset PATH; echo "${PATH-unset}"); [ -n "$PATH" ] && echo path is set
{ echo group; false; } && echo not reached; echo $?
i=0; while [ $i -lt 50 ]; do (exit $i); [ $? = $i ] || echo wrong; i=$((i+1)); done; echo fifty
n=0; for i in 1 2 3 4 5 6 7 8 9 10; do (exit 1) || n=$((n+1)); done; echo $n
(set -e; false; echo not reached); echo $?
(exec > sub.out; echo redirected; ls /nonexistent 2>/dev/null); cat sub.out
