# needs: xz
seq 1 60000 >data; cp data d; xz -6 d; ls d.*; xz -d d.xz; cmp d data && echo same
for t in 1 2 4; do xz -T$t --block-size=100000 -c data | md5sum; done; xz -T0 -0 -c data | xz -dc | cmp - data; echo $?; xz --format=lzma -c data | xz --format=lzma -dc | md5sum; xz -c -C sha256 data >s.xz; xz -l --robot s.xz | grep -c ^totals; xzdec s.xz | md5sum
xz -T2 -dc s.xz | md5sum; echo junk | xz -d; echo $?; xz -e -9 -M 20MiB -c data | wc -c; head -c 3000 s.xz | xz -d >part; echo $? $(wc -c <part); xz --check=crc32 --x86 --lzma2=preset=3 -c data | xz -t; echo $?; rm -f d part s.xz
