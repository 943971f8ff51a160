# needs: rsync
# rsync forks a sender, a receiver and a generator; -e starts one more through a shell.
umask 022
export TZ=UTC
mkdir -p a/deep/er; seq 5000 >a/numbers; echo one >a/deep/one; echo two >a/deep/er/two; ln -s deep/one a/link; ln a/numbers a/hard; mkfifo a/fifo
touch -d '2020-02-02 02:02:02' a/deep/one; chmod 640 a/deep/er/two
show() { (cd "$1" && find . | sort | while read -r f; do stat -c '%n %A %h %F' "$f"; done; cat deep/one deep/er/two; cksum <numbers; readlink link; stat -c %Y deep/one); }
rsync -aH a/ b/; echo "status $?"; show b
rsync -aHi a/ b/; echo "nothing to do $?"
echo more >>a/numbers; touch -d "2021-02-02 02:02:02" a/numbers; rm a/deep/er/two; rsync -aHi --delete --no-whole-file --stats a/ b/ | grep -E '^[*>c]|Literal|Matched|deleted'; show b 2>&1
rsync -aHin --exclude 'deep/*' a/ c/ | grep -v '/$' | cut -d' ' -f2-; test ! -e c && echo 'only said'
rsync -a --checksum --compress --backup --suffix=.old --bwlimit=100m a/numbers b/copy; seq 3 >b/copy; rsync -a --checksum --backup --suffix=.old a/numbers b/copy; cat b/copy.old; cmp a/numbers b/copy && echo same
# A remote shell that takes the host's name for a variable's.
rsync -aH -e 'env -u' a/ somewhere:"$PWD/d/"; echo "remote $?"; cmp a/numbers d/numbers && stat -c '%A %h' d/numbers
rsync -aH -e 'env -u' somewhere:"$PWD/d/deep" e; ls e/deep
rsync -a nothere/ f 2>&1 | sed 's/"[^"]*"/.../; s/(code.*//'; rsync -a nothere f 2>/dev/null; echo "missing $?"
rsync --no-such-option a b 2>/dev/null; echo "wrong use $?"
mkdir big; head -c 8000000 /dev/zero | tr '\0' x >big/file; rsync -a --bwlimit=1m big/ slow/ 2>/dev/null & sleep 0.3; kill -INT $!; wait $! 2>/dev/null; echo "interrupted $?"; ls slow
