# needs: diffutils
seq 1 20 >a; sed '3d;10s/$/ changed/;15a new line' a >b; sed '18d' a >c; mkdir x y; cp a x/same; cp a y/same; cp a x/f; cp b y/f; echo only >x/here; printf 'bin\0ary' >x/bin; printf 'bin\0arz' >y/bin
diff a b; echo $?; diff -u --label a --label b a b; diff -c a b | sed '1,2d'; diff -y -W 40 a b | head -n 12; diff -e a b; diff -n a b; diff -r x y; echo $?; diff -rq x y; diff a a; echo $?; diff a missing; echo $?
diff3 b a c; diff3 -m b a c; cmp a b; cmp -l a b | head -n 3; cmp -s a a; echo $?; sdiff -s -w 50 a b; diff -i -w -B <(printf 'A  b\n\n') <(printf 'a b\n'); echo $?; diff --color=always a c; seq 1 30000 >l1; seq 1 3 30000 >l2; diff l1 l2 | wc -l; diff -D FLAG a c | tail -n 5
