about="All of its scripts and unit tests. What needs a key other than Ed25519, another user or PuTTY skips itself, as the port has no
OpenSSL. Each script has a network and processes of its own; its programs are one instance, where they can go to the background."
needs="openssh busybox"
abreast=yes

# What make makes beside the programs.
prepare() {
	cp -a "$cache/openssh/source/." .
	./configure --without-openssl --disable-pkcs11 --disable-security-key CPPFLAGS="-I$cache/zlib/native/include" \
		LDFLAGS="-L$cache/zlib/native/lib" CFLAGS="-O -w"
	make regress-binaries
}

# What a script runs in: namespaces of its own, and under walisup an instance.
inside='
	folder=$1 walisup=$2 busybox=$3
	shift 3
	mount -t tmpfs -o mode=755 tmpfs /run
	mount -t tmpfs tmpfs /tmp
	"$busybox" ip link set lo up
	[ ! "$walisup" ] || "$walisup" start --detach --name regress --native-exec --clear-env \
		"${busybox%/native/*}/wali/busybox.wasm" sleep 3600 >/dev/null
	cd "$folder"
	"$@"'

# script NAME: a check is what follows a line "test ...", and has failed if one of the messages
# follows that the scripts keep in failed-regress.log; a script without such lines is one check.
script() {
	rm -f regress/failed-*.log
	part "$1" env TMPDIR=/tmp PATH="$bin:$PATH" SUDO=env USER=root LOGNAME=root BUILDDIR="$PWD" TEST_SHELL=sh EGREP="grep -E" \
		TEST_SSH_UNSAFE_PERMISSIONS=1 TEST_SSH_SSH="$bin/ssh" TEST_SSH_SSHD="$bin/sshd" TEST_SSH_SSHAGENT="$bin/ssh-agent" TEST_SSH_SSHADD="$bin/ssh-add" \
		TEST_SSH_SSHKEYGEN="$bin/ssh-keygen" TEST_SSH_SSHKEYSCAN="$bin/ssh-keyscan" TEST_SSH_SFTP="$bin/sftp" \
		TEST_SSH_SFTPSERVER="$bin/sftp-server" TEST_SSH_SCP="$bin/scp" \
		unshare --mount --net --pid --fork --kill-child --mount-proc \
		sh -c "$inside" sh "$PWD/regress" "$walisup" "$cache/busybox/native/busybox" \
		sh "$PWD/regress/test-exec.sh" "$PWD/regress" "$PWD/regress/$1.sh"
	[ -e regress/failed-regress.log ] || : >regress/failed-regress.log
	awk -v part="$name" -v status="$status" '
		function finish() { if (check != "" && !failed) print "ok " part ": " check; failed = 0 }
		FILENAME ~ /failed-/ { if (sub(/^(FAIL|FATAL): /, "")) message[$0]; next }
		tolower($0) ~ /^skip(ped|ping)/ { print "skip " part ": " (check == "" ? "all of it" : check); failed = some = 1; next }
		/^test / { finish(); check = $0; sub(/^test /, "", check); next }
		{ line = $0; sub(/^FATAL: /, "", line) }
		line in message { print "not ok " part ": " (check == "" ? "" : check ": ") line; failed = some = 1 }
		/^ok / && check == "" && !some { check = $0; sub(/^ok /, "", check) }
		END { finish(); if (status != 0 && !some && status != 124 && status != 137) print "not ok " part ": exit status" }' regress/failed-regress.log log
	cat regress/failed-*.log >>"$results/$suite-$flavour.log"
}

unit() {
	launcher "$bin/$1" openssh "$1"
	data=regress/unittests/${1#test_}/testdata
	[ -d "$data" ] || data=
	part "$1" "$bin/$1" ${data:+-d "$data"}
	awk -v part="$name" -v status="$status" '
		/[0-9]+ tests ok$/ { for (i = 1; i <= $(NF - 2); i++) print "ok " part ": " i }
		END { if (status != 0) print "not ok " part ": exit status" }' log
}

suite() {
	mkdir "$flavour"
	cp -a regress config.h "$flavour"
	cd "$flavour"
	bin=$PWD/bin walisup=
	[ "$flavour" = native ] || walisup=$root/bin/walisup
	for p in ssh sshd ssh-agent ssh-add ssh-keygen ssh-keyscan sftp sftp-server scp; do
		launcher_in regress "$bin/$p" openssh $p
	done
	cat "$cache/openssh/native/ssh-agent" >>"$bin/ssh-agent" # which is the data of scripts, too
	units=$(ls "$cache"/openssh/native/test_* | sed 's|.*/||' | grep -v utf8) # which wants the locale en_US.UTF-8
	scripts=$(sed -n '/^LTESTS=/,/[^\\]$/p' regress/Makefile | tr -d '\\' | sed 's/LTESTS=//')
	for t in ${PARTS:-$units $scripts}; do
		case $t in
		test_*) unit "$t" ;;
		*) script "$t" ;;
		esac
	done
}
