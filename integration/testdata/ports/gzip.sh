# needs: gzip
seq 1 60000 >data; for l in 1 6 9; do cp data d; gzip -$l d; ls d.*; gzip -d d.gz; cmp d data && echo "level $l same"; done
gzip -9 -c -n data >n.gz; md5sum n.gz; gzip -l n.gz | tail -n 1; gzip -t n.gz; echo $?; head -c 5000 n.gz | gzip -d >part; echo $? $(wc -c <part); cat n.gz n.gz | gzip -dc | wc -l; echo plain | gzip -d; echo $?; gzip -dc <n.gz | tail -n 1
gzip data missing; echo $?; gzip -d data.gz; touch -d '2010-10-10 10:10' data; gzip -N data; gzip -dN data.gz; ls -l --full-time data 2>/dev/null | wc -l; gzip -kS .zz data; ls data*; gzip -k data; echo n | gzip data 2>&1; gzip -f data; rm -f d d.* data* n.gz part
