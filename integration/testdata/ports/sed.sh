# needs: sed
# flags: --native-exec
printf '%s\n' one two three four five >t
sed -n '2,4p' t; sed 's/o/0/g;s/\(.\)e/<\1>/2' t; sed '/three/d;$!N;P;D' t; sed -E 's/^(.)(.*)$/\2\1/' t; sed '1!G;h;$!d' t; sed -n '$=' t
sed 'y/eo/EO/' t; sed '2i\before' t; sed '2a after' t; sed '/two/,/four/c changed' t; sed -n 'l 5' t; sed = t | sed 'N;s/\n/\t/'
cp t in; sed -i.bak 's/t/T/w written' in; cat in in.bak written; sed -e ':a;N;$!ba;s/\n/,/g' t; sed 's/.*/\U&/;s/\(.\)$/\L\1/' t; sed '3q7' t; echo $?
sed 's/a/b' t; echo $?; sed -n '/^t/{s//[&]/;p}' t; sed --debug -n '1p' t; sed -s -n '$p' t in; seq 100000 | sed -n '/9$/{s/9/nine/;p}' | tail -n 2; sed '2e echo run' t
echo 'x=1;y=2' | sed 's/;/\n/'; echo naïve | LC_ALL=C.UTF-8 sed 's/./X/g'; sed -z 's/\n/|/g' t; echo; printf 'r t\n' | sed -f - in | head -n 3
