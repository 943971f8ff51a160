# needs: bzip2
seq 1 60000 >data; for l in 1 5 9; do cp data d; bzip2 -$l d; ls d*; bzip2 -dc d.bz2 | md5sum; bunzip2 d.bz2; cmp data d && echo "level $l same"; done
bzip2 -kc data >n.bz2; md5sum n.bz2; bzip2 -tvv n.bz2; echo $?; bzip2 -vk data; bzip2 -s -vd -c data.bz2 | md5sum; bzip2 data; echo $?; bzip2 -f data; bunzip2 data.bz2
cat n.bz2 n.bz2 | bzcat | wc -l; bzcat <n.bz2 | tail -n 1; bzip2 </dev/null | bzip2 -d | wc -c; head -c 100000 /dev/urandom >random; bzip2 -1 <random | bunzip2 | cmp - random; echo $?
head -c 5000 n.bz2 | bzip2 -dc 2>/dev/null | wc -c; head -c 5000 n.bz2 >cut.bz2; bzip2 -t cut.bz2; echo $?; { head -c 3000 n.bz2; printf wrong; tail -c +3006 n.bz2; } >bad.bz2; bzip2 -d bad.bz2; echo $? $(ls bad*)
echo plain | bzip2 -d; echo $?; echo plain | bzip2 -df; bzip2 missing; echo $?; mkdir folder; bzip2 folder; echo $?; ln -s data link; bzip2 link; echo $?; bzip2 -kfc link | md5sum; ln data hard; bzip2 data; echo $?; rm hard link
touch -d '2010-10-10 10:10:10' data; chmod 640 data; bzip2 data; bunzip2 data.bz2; stat -c '%y %a' data ; BZIP2=-1v bzip2 -k data; rm data.bz2; cp data e; bzip2 data e; ls *.bz2; bzip2 -d *.bz2 2>/dev/null; ls
# A file of several blocks, of which one is damaged: the others can be had back.
seq 1 100000 >big; bzip2 -1 big; { head -c 60000 big.bz2; printf wrong; tail -c +60006 big.bz2; } >hurt.bz2; bzip2 -t hurt.bz2 2>/dev/null; echo $?; bzip2recover hurt.bz2 2>&1; for f in rec*; do bzip2 -t $f 2>/dev/null || echo $f is bad; done; md5sum rec*; rm rec*
# A signal removes what is not whole.
seq 1 1000000 >big; bzip2 -9 big & until test -s big.bz2 || test -e stop; do :; done; kill -TERM $!; wait $!; echo $?; ls big*; rm random
