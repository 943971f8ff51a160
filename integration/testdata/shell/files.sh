# The usual file commands.
mkdir -p a/b/c; touch a/x a/b/y a/b/c/z; find a | sort
cp -r a copy; diff -r a copy && echo copied
mv copy moved; ls moved; rm -r moved; ls
ln -s a/x link; readlink link; ln a/x hard; stat -c %h a/x
echo content > a/x; cat hard; wc a/x; chmod 600 a/x; stat -c '%a %s' a/x
seq 1 10 > n; head -n 3 n; tail -n 2 n; sed -n '4,5p' n; sort -rn n | head -n 1
grep -c 1 n; awk '{s+=$1} END {print s}' n; cut -c1 n | uniq | wc -l
tar cf t.tar a && mkdir out && tar xf t.tar -C out && find out | sort; rm t.tar
gzip -c n | gunzip | cmp - n && echo gzip; md5sum n
test -f n && test -d a && test -L link && test ! -e none && echo tests
basename /x/y.z .z; dirname /x/y.z; expr 3 + 4; printf '%05d|%s\n' 42 text
date -u -d @0 +%Y-%m-%d; od -c n | head -n 2; tr -d 0-9 < n | wc -l
