#!/bin/sh
# deb-test.sh: install the packages of make deb on a new Debian system in a directory, use them
# as root and as an ordinary user, and remove them. Needs root and debootstrap. MIRROR is
# Debian's archive, SECURITY that of its security updates, which has LLVM 22.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
security=${SECURITY:-http://deb.debian.org/debian-security}
fail() { echo "deb-test.sh: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "must run as root: it makes a Debian system in a directory"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install -y debootstrap"
command -v unshare >/dev/null || fail "unshare is missing: apt-get install -y util-linux"
set -- "$root"/bin/walisup_*_amd64.deb "$root"/bin/walicc_*_amd64.deb
[ $# = 2 ] && [ -e "$1" ] && [ -e "$2" ] || fail "bin must hold one walisup and one walicc package: run make deb"

system=$(mktemp -d)
# The mounts below end with the namespace that they are made in.
trap 'rm -rf "$system"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$system"
echo "deb-test: making a Debian 12 system" >&2
debootstrap --variant=minbase bookworm "$system" "$mirror" >"$system.log" 2>&1 ||
	{ tail -5 "$system.log" >&2; rm -f "$system.log"; fail "debootstrap failed"; }
rm -f "$system.log"
cat >"$system/etc/apt/sources.list" <<LIST
deb $mirror bookworm main
deb $security bookworm-security main
LIST
for f in /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/99*; do
	[ ! -e "$f" ] || cp "$f" "$system/etc/apt/apt.conf.d/"
done
cp -L /etc/resolv.conf /etc/hosts "$system/etc/"
mkdir "$system/packages"
cp "$1" "$2" "$system/packages/"
# A system does not remove what it did not install: this list has to be the same at the end.
list='find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /root -o -path /home -o -path /var -o -path /packages \) -prune -o -name "*wali*" -print | sort'

cat >"$system/check.sh" <<'CHECK'
set -eu
# What a user does with an installed walisup, in a directory of his own.
cd "$(mktemp -d)"
walisup version
cat >hello.c <<'C'
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	fflush(stdout);
	if (fork() == 0) {
		printf("child\n");
		return 3;
	}
	int status;
	wait(&status);
	printf("parent: %d\n", WEXITSTATUS(status));
	return 5;
}
C
walicc -O2 -o hello.wasm hello.c
code=0
walisup start ./hello.wasm >out || code=$?
[ "$code" = 5 ] && [ "$(cat out)" = "child
parent: 3" ] || { echo "hello.wasm: status $code, output:"; cat out; exit 1; }
walisup compile hello.wasm
cat >wait.c <<'C'
#include <unistd.h>
int main(void) { write(1, "ready\n", 6); pause(); }
C
walicc -o wait.wasm wait.c
walisup start --detach --name kept ./wait.wasm
walisup ps | grep -q kept
walisup stop kept
walisup rm kept
code=0
walisup start ./absent.wasm 2>err || code=$?
[ "$code" = 127 ] || { echo "a missing module: status $code:"; cat err; exit 1; }
[ -e /usr/share/man/man1/walisup-start.1.gz ]
bash -n /usr/share/bash-completion/completions/walisup
# There is no runc in this system, which is what it says.
! walisup-oci --version 2>err && grep -q runc err
echo "used as $(id -un)"
CHECK

unshare --mount --pid --fork --mount-proc="$system/proc" sh -eu -c '
	system=$1
	mount -t tmpfs none "$system/dev"
	for d in null zero full random urandom tty; do touch "$system/dev/$d"; mount --bind "/dev/$d" "$system/dev/$d"; done
	ln -s /proc/self/fd "$system/dev/fd"
	mkdir "$system/dev/shm"; mount -t tmpfs -o mode=1777 none "$system/dev/shm"
	export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
	unset TMPDIR XDG_CACHE_HOME WALISUP_STATE_DIR XDG_RUNTIME_DIR
	chroot "$system" apt-get -q update >/dev/null
	chroot "$system" sh -c "$2" >"$system/before"
	echo "deb-test: installing the packages" >&2
	chroot "$system" sh -c "apt-get install -q -y --no-install-recommends /packages/*.deb" >"$system/install.log" 2>&1 ||
		{ tail -20 "$system/install.log" >&2; exit 1; }
	chroot "$system" dpkg -V walisup walicc
	chroot "$system" useradd --create-home tester
	chroot "$system" sh /check.sh
	chroot "$system" setpriv --reuid tester --regid tester --init-groups env HOME=/home/tester sh /check.sh
	chroot "$system" apt-get purge -q -y walisup walicc >"$system/purge.log" 2>&1 ||
		{ tail -20 "$system/purge.log" >&2; exit 1; }
	chroot "$system" sh -c "$2" >"$system/after"
	diff "$system/before" "$system/after" >&2 || { echo "deb-test.sh: files remain" >&2; exit 1; }
' sh "$system" "$list"
echo "deb-test: installed, used as root and as a user, removed: passed" >&2
