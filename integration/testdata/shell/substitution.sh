# Command substitution.
echo "[$(echo a; echo b; echo)]"
echo "[`echo old style`]"
x=$(exit 7); echo $?
x=$(echo text; exit 8); echo "$? $x"
echo "$(echo "$(echo "$(echo nested)")")"
y=$(seq 1 5000 | tr '\n' ' '); echo ${#y}
echo $(echo '*')
z=$(cat <<EOF
in $(echo inner) document
EOF
); echo "$z"
echo "$( (echo sub; exit 1) || echo other)"
a=$(printf 'x\n\n\n'); echo "[$a]"
i=0; s=; while [ $i -lt 40 ]; do s=$s$(echo $i); i=$((i+1)); done; echo $s
echo $(( $(echo 4) * $(echo 5) ))
case $(echo word) in w*) echo matched;; esac
for f in $(echo one two); do echo "<$f>"; done
echo "$(echo err 2>&1 >/dev/null)$(echo e2 >&2 2>/dev/null)"
