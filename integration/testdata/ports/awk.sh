# needs: gawk mawk
# flags: --native-exec
# It starts /bin/sh by that name, which is native: only builtins there.
printf '%s\n' 'ada 36 math' 'grace 85 navy' 'barbara 70 mit' >people
for awk in gawk mawk; do
	$awk '{ s += $2; n[$3] = $1 } END { printf "%d %.3f %s\n", NR, s/NR, n["mit"] }' people
	$awk -F' ' -v OFS=, '$2 > 50 { $1 = toupper($1); print; print length($0), substr($0, 2, 3), index($0, "a") }' people
	$awk 'BEGIN { while (("echo a b; echo c" | getline line) > 0) print "got " line; print 1e6, 1/3, 2^31, -7 % 3; printf "%c%5s|%-5s|%x\n", 65, "r", "l", 255; exit 4 }'; echo $?
	$awk '{ gsub(/[aeiou]/, "<&>"); print | "while read x; do echo piped $x; done" } END { close("while read x; do echo piped $x; done"); print "end" }' people
	$awk 'function f(n) { return n < 2 ? n : f(n-1) + f(n-2) } BEGIN { print f(20); split("a:b:c", p, ":"); print p[3]; print match("foobar", /o+/), RSTART, RLENGTH; print sprintf("%s", substr("hello", 2)); delete p; print length(p) }'
	seq 100000 | $awk '{ h[$1 % 97] += $1 } END { for (i = 0; i < 3; i++) print i, h[i] }'
	$awk 'BEGIN { print > "out"; print "x" >> "out"; close("out"); while ((getline l < "out") > 0) print "read " l; system("echo sys; exit 3") ; print ENVIRON["HOME"] }'
	$awk '{ print $1' people; echo $?
done
gawk 'BEGIN { PROCINFO["sorted_in"] = "@ind_num_asc"; a[10] = a[9] = a[1] = 0; for (i in a) print i; print strftime("%F", 0, 1), gensub(/(b)(c)/, "\\2\\1", 1, "abcd"); printf "%'"'"'d\n", 1234567; n = asort(a); print toupper("é") }'
gawk 'BEGIN { cmd = "while read x; do echo co $x; done"; print "through a coprocess" |& cmd; close(cmd, "to"); cmd |& getline x; print x; FIELDWIDTHS = "2 3"; $0 = "abcde"; print $2; @f = 1 }' 2>&1 | head -n 3
gawk --version | head -n 1 | cut -d, -f1; gawk -M 'BEGIN { print 2^100 }' 2>&1; gawk 'BEGIN { BINMODE = 3; print and(12, 10), xor(12, 10), lshift(1, 40), strtonum("0x1F") }'
