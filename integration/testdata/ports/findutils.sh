# needs: findutils
mkdir -p tree/sub/deep tree/empty; for i in 1 2 3; do echo $i >tree/f$i.txt; head -c $((i * 1000)) /dev/zero >"tree/sub/with space $i"; done; ln -s ../f1.txt tree/sub/link; touch -d '2001-01-01 00:00' tree/f2.txt
find tree | sort; find tree -type f -name '*.txt' -printf '%p %s %y %d\n' | sort; find tree -size +1k -exec basename {} \; | sort; find tree -type d -empty; find tree -newer tree/f2.txt -type f | sort
find tree -type f -print0 | sort -z | xargs -0 -n 2 echo args; find tree -name '*.txt' -exec cat {} + | sort; find tree -lname '*f1*'; find -L tree -samefile tree/f1.txt | sort; find tree -maxdepth 1 -regex '.*[12]\.txt' | sort
find tree \( -name sub -prune \) -o -type f -print | sort; find tree -mtime +1000; find tree -perm 0; find nowhere; echo $?; find tree -bad; echo $?; find tree -name 'f3*' -delete; find tree -name 'f3*' | wc -l
find tree -type f -execdir echo {} \; | sort; find tree -name 'f1*' -ok true {} \; </dev/null 2>&1; echo
seq 1 20 | xargs -n 7; seq 1 5 | xargs -I{} echo '[{}]'; seq 1 3 | xargs -P 3 -n 1 sh -c 'sleep 0.$0; echo $0'; echo 'a "b c" d\ e' | xargs -n 1; echo x | xargs false; echo $?; echo x | xargs sh -c 'exit 255'; echo $?; seq 1 50000 | xargs echo | wc -w; echo | xargs -r echo nothing; xargs -a tree/f1.txt echo; echo x | xargs nosuchprogram; echo $?
