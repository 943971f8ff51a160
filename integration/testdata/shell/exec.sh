# exec, PATH, scripts and their errors.
(exec echo replaced; echo not reached)
(exec true); echo $?
(exec false); echo $?
(exec nonexistent-command) 2>/dev/null; echo $?
nonexistent-command 2>/dev/null; echo $?
/ 2>/dev/null; echo $?
touch plain; ./plain 2>/dev/null; echo $?
sh=$(command -v sh)
printf '%s\n' "#!$sh -x" 'echo script $1' > script.sh; chmod +x script.sh; ./script.sh arg 2>&1
mkdir d; printf '%s\n' "#!$sh" 'echo by path ${0##*/}' > d/cmd; chmod +x d/cmd; PATH=$PATH:$PWD/d; cmd
printf '%s\n' "#!$PWD/script.sh first" > nested; chmod +x nested; ./nested second 2>&1 | sed 's,/.*/,,'
printf '%s\n' '#!/nonexistent/sh' > bad; chmod +x bad; ./bad 2>/dev/null; echo $?
printf '%s\n' "#!$sh" 'echo $0 $*; [ $1 = 0 ] || exec ./loop $(($1 - 1))' > loop; chmod +x loop; ./loop 5
command -v echo; type cat > /dev/null && echo cat is there
env -i X=1 PATH=$PATH env | grep X=
X=2 env | grep '^X='
echo 'exit 12' > s; (. ./s); echo $?
sh_c() { (exec env "$@"); }; sh_c echo via env
set -- $(echo 'a b' | xargs -n 1 echo item); echo "$@"
find . -name 'd*' -exec echo found {} \;
eval 'echo eval $(echo uated)'
i=0; while [ $i -lt 20 ]; do env true || echo failed; i=$((i+1)); done; echo twenty
rm -r script.sh d nested bad loop
exec echo last
