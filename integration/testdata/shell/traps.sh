# Traps.
trap 'echo usr1' USR1; kill -USR1 $$; echo after
trap 'echo again; trap - USR1' USR1; kill -USR1 $$; trap | grep -c USR1
trap '' USR2; kill -USR2 $$; echo ignored
(trap 'echo sub exit' EXIT; exit 3); echo $?
f() { trap 'echo in function' USR1; }; f; kill -USR1 $$
trap 'echo child $?' EXIT; (exit 5); trap - EXIT
trap 'echo term; x=1' TERM; x=0; kill $$; echo $x
trap 'echo bye $?' EXIT
exec 3>&1
(echo from subshell >&3)
exit 7
