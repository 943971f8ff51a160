# needs: zsh
cat >program <<'END'
setopt extendedglob
emulate -R zsh
typeset -A ages; ages=(ada 36 grace 85 barbara 70)
for k in ${(ko)ages}; do print -r -- "$k ${(l:5::.:)ages[$k]}"; done
print ${(j:,:)${(s: :):-a b c}} ${(U)HOME:+x} ${${:-one.two.three}##*.}
mkdir -p t/{a,b}/{1..3}; touch t/a/1/file t/b/2/file.c t/b/2/{10,9,8}
print -l t/**/*(.N) ; print t/b/2/<9->(On); print t/*(/:t)
print $(( 2 ** 40 )) $(( [#16] 255 )) $(( 7 / 2. )); printf '%05.2f|%-4s|%x\n' 3.14159 ab 255
print one two three | while read -A words; do print $#words $words[-1]; done
print ${$(print -n substitution)#sub} =(print file) | sed 's,/tmp/zsh[^ ]*,TMP,'
cat <(print process; print substitution) | tee >(tr a-z A-Z >upper) >/dev/null; while [[ ! -s upper ]]; do sleep 0.01; done; cat upper
print multio >first >second; cat first second
TRAPUSR1() { print "got USR1" }; kill -USR1 $$
( trap 'print inner exit' EXIT; kill -TERM $sysparams 2>/dev/null; exit 3 ); print "status $?"
sleep 100 & pid=$!; kill $pid; wait $pid; print "waited $?"
coproc { while read -r l; do print "co $l"; done }; print -p through; read -p answer; print $answer; kill $!
fail() { return 7 }; { fail } always { print "always, after $?" }; print "then $?"
false | true | (exit 5); print $pipestatus
autoload -Uz is-at-least; function outer { local x=1; () { print "anonymous $x $#" } a b; }; outer
case abc in (a(b|x)c) print pattern;; esac; [[ 2026-11-23 = (#b)(<->)-(<->)-* ]] && print $match
zmodload zsh/datetime; print $(( EPOCHSECONDS > 1000000000 ))
ulimit -n >/dev/null && (ulimit -n 64; ulimit -n); umask 027; umask
repeat 3 print -n .; print; exec zsh -fc 'print executed $0 $1; exit 9' name argument
END
zsh -f program; echo "status $?"
echo 'print from standard input; exit 4' | zsh -f; echo $?
zsh -fc 'print ${(%):-%n}' | grep -c .; zsh -fn program; echo "syntax $?"; zsh -fc 'if'; echo "wrong syntax $?"; zsh -fc 'no-such-command'; echo $?; (zsh -fc "kill -SEGV \$\$"; echo $?) 2>/dev/null
zsh --version | cut -d' ' -f1,2
