# needs: zlib
seq 1 60000 >data; minigzip -9 data; ls data.gz; gzip -dc data.gz | md5sum; minigzip -d data.gz; md5sum data; echo plain | minigzip | gzip -d; head -c 100000 /dev/urandom >random; minigzip <random | minigzip -d | cmp - random; echo $?; example | sed 's/^zlib.*//'; rm -f random foo.gz
