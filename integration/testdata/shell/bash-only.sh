# shell: bash
# What only bash has.
cat <(echo process) <(echo substitution)
echo output > >(tr a-z A-Z); wait $!; sleep 0.2
diff <(seq 1 3) <(seq 1 3) && echo no difference
while read -r a; do echo "<$a>"; done < <(printf '1\n2\n')
coproc { read x; echo "co $x"; }; echo hi >&"${COPROC[1]}"; read -r y <&"${COPROC[0]}"; echo "$y"; wait
seq 1 3 | mapfile -t m; echo "${#m[@]}"; shopt -s lastpipe; seq 1 3 | mapfile -t m; echo "${#m[@]}"
false | true | (exit 3); echo "${PIPESTATUS[@]}"
set -o pipefail; false | true; echo $?; set +o pipefail
(exit 4) & wait -n $!; echo $?
x=$(< /proc/self/comm); [ -n "$x" ] && echo comm
cat <<< "here string"
declare -A h=([a]=1 [b]=2); echo "${h[a]}${h[b]}"
f() { local l=$BASHPID; [ "$l" != "$$" ] && echo subshell; }; (f)
trap 'echo err' ERR; false; trap - ERR
trap 'echo debug' DEBUG; :; trap - DEBUG
time_is() { { time sleep 0.01; } 2>&1 | grep -c real; }; time_is
printf '%(%Y)T\n' 0; printf -v v '%q' "a b"; echo "$v"
read -r -t 0.05 z < <(sleep 0.3; echo late); echo "read: $((${?} > 128))"
exec {fd}> named; echo named >&$fd; exec {fd}>&-; cat named
[[ abc =~ a(.)c ]] && echo "${BASH_REMATCH[1]}"
echo 'echo no magic $1' > nomagic; chmod +x nomagic; ./nomagic arg
