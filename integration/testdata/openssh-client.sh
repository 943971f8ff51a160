# All that a client does with the host "h" of its config, whose sshd listens at PORT.
export SHELL=$(command -v sh)
ssh="ssh -F config" SSH=$(command -v ssh)
eval "$(ssh-agent -a "$PWD/agent" | sed "s/^echo .*/echo agent/")"; chmod 600 id
ssh-add -l; ssh-add -q id; ssh-add -l | cut -d' ' -f1,3-
$ssh h 'echo "$0 at ${SSH_CONNECTION%% *}"; cat; exit 7' <config | sed -n 1p; echo "status ${PIPESTATUS[0]}"
$ssh h 'kill -TERM $$' 2>/dev/null; echo "killed $?"
$ssh -A h 'ssh-add -l | cut -d" " -f1,3-'
$ssh -p 1 h true 2>/dev/null; echo "nobody there $?"
$ssh -o UserKnownHostsFile=/dev/null h true 2>/dev/null; echo "unknown host $?"
ssh-keyscan -t ed25519 -p "$PORT" 127.0.0.1 2>/dev/null | cut -d" " -f2,3 | { read -r key; grep -qF "$key" known; } && echo "its key is known"

mkdir -p here/sub; seq 200000 >here/numbers; echo two >here/sub/two; chmod 640 here/sub/two
for how in -s -O; do
	scp -F config -S "$SSH" -q -p -r $how here "h:$PWD/there"; echo "scp $how: $?"
	scp -F config -S "$SSH" -q -p -r $how "h:$PWD/there" back
	cmp here/numbers back/numbers && cmp here/sub/two back/sub/two && stat -c %A back/sub/two
	rm -r there back
done
sftp -F config -S "$SSH" -q -b - h <<-END | grep -v '^sftp>'
	mkdir $PWD/far
	cd $PWD/far
	put here/numbers
	put -p here/sub/two
	ln -s two too
	ls -1
	rename numbers digits
	get digits
	get missing
END
echo "sftp ${PIPESTATUS[0]}"; cmp here/numbers digits && cmp far/too here/sub/two; ls far

# One connection for several sessions, in the background.
$ssh -MNf -S "$PWD/control" h; echo "master $?"
$ssh -S control -O check h 2>&1 | sed 's/pid=[0-9]*/pid/'
for n in 1 2 3; do $ssh -S control h "echo session $n; exit $n"; echo "status $?"; done
seq 100000 | $ssh -S control h 'cat; exit 3' | cksum; echo "${PIPESTATUS[1]}"
$ssh -o ProxyCommand="$ssh -S control -W 127.0.0.1:$PORT h" -o HostKeyAlias=other h 'echo through the first'
$ssh -S control -O exit h 2>/dev/null; $ssh -S control -O check h 2>/dev/null; echo "gone $?"

echo text >text; ssh-keygen -q -Y sign -f id -n file text; ssh-keygen -q -Y check-novalidate -n file -s text.sig <text; echo "signature $?"
echo other | ssh-keygen -q -Y check-novalidate -n file -s text.sig 2>/dev/null; echo "wrong signature $?"
ssh-add -q -D; ssh-add -l
ssh-agent -k | sed 's/[0-9]* killed/killed/'
while [ -e agent ]; do sleep 0.1; done; echo "and its socket with it"
