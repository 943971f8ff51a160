# Here-documents and redirections.
v=value
cat <<EOF
plain $v $(echo command) \$v `echo back`
EOF
cat <<'EOF'
quoted $v $(echo command)
EOF
cat <<-EOF
	tabs go
		all of them
	EOF
cat <<A; cat <<B
first
A
second
B
wc -l <<EOF
$(seq 1 3000)
EOF
while read l; do echo "line $l"; done <<EOF
1
2
EOF
echo text > f; echo more >> f; cat f
cat < f > g; cmp f g && echo equal
exec 3> h; echo to three >&3; exec 3>&-; cat h
exec 4< f; read a <&4; read b <&4; echo "$a $b"; exec 4<&-
{ echo o; echo e >&2; } > o 2> e; cat o e
echo both > both 2>&1; cat both
ls /nonexistent > /dev/null 2>&1 || echo failed
cat <&- 2>/dev/null || echo closed
: > empty; wc -c < empty
set -C; echo x > f 2>/dev/null || echo noclobber; echo y >| f; cat f
echo in-out <> rw 1>&0; cat rw
