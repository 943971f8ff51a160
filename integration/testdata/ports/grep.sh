# needs: grep
printf '%s\n' 'the quick brown fox' 'jumps over' '' 'the lazy dog' 'THE END' 'naïve café' >text
grep the text; grep -i the text; grep -vn the text; grep -c '' text; grep -o '[a-z]*o[a-z]*' text; grep -E '^(the|jumps) [^ ]+' text; grep -w dog text
grep -F -e dog -e fox text; grep -E '(.)\1' text; grep -b -o fox text; grep -A1 -B1 jumps text; grep -q nothing text; echo $?; grep x missing; echo $?
LC_ALL=C.UTF-8 grep -o 'caf.' text; LC_ALL=C grep -c 'caf..$' text; grep -P 'a(?=z)' text; echo $?; grep '\(' text; echo $?
mkdir -p d/e; cp text d/e/t; printf 'a\0the b' >d/bin; grep -r the d | sort; grep -rl fox .; grep -z b d/bin | tr '\0' '!'; grep -L zzz text
seq 1 300000 | grep -c '7.*7'; seq 1 100000 | grep -E '^(1|22)+$' | tail -n 3; for i in 1 2 3; do echo "line $i"; done | grep --line-buffered -m 2 line
