#!/bin/sh
# run.sh [PACKAGE...]: run tests of the project under Debian's own kernel and control groups
# of version 2, in a virtual machine that sees this machine's files. Without hardware's help
# a test takes five to ten times as long. A PACKAGE is a directory: wali, supervisor/proctree ...
# TESTS is a pattern for their tests, MEMORY the machine's, in GiB.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/integration/kernel
work=$root/.cache/kernel
[ $# != 0 ] || set -- helper/duplicate ipc/channel supervisor/proctree wali wali/memory integration

say() { echo "kernel: $*" >&2; }
fail() { say "$*"; exit 1; }

command -v qemu-system-x86_64 >/dev/null ||
	fail "qemu-system-x86_64 is missing; run as root: apt-get install --no-install-recommends qemu-system-x86"
case $root in /tmp/* | /run/*) fail "the project is in a directory that is mounted over in the machine" ;; esac
[ -x "$root/bin/walisup" ] || fail "walisup is not built: run make kernel-test"

# unpacked PACKAGE: fetch a package and unpack it, without installing it.
unpacked() {
	[ ! -e "$work/$1/done" ] || return 0
	say "fetching $1"
	rm -rf "${work:?}/$1"
	mkdir -p "$work/$1"
	(cd "$work/$1" && apt-get -qq -o APT::Sandbox::User=root download "$1" >&2 && dpkg-deb -x ./*.deb . && rm ./*.deb)
	touch "$work/$1/done"
}

package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: //p')
[ -n "$package" ] || fail "apt-cache knows no linux-image-amd64: is this Debian?"
unpacked "$package"
unpacked busybox-static
version=${package#linux-image-}
modules=$work/$package/lib/modules/$version/kernel

tree=$work/initrd
rm -rf "$tree"
mkdir -p "$tree/bin" "$tree/modules" "$tree/host" "$tree/changes" "$tree/root" "$tree/proc" "$tree/sys" "$tree/dev"
cp "$work/busybox-static/bin/busybox" "$tree/bin"
cp "$here/init" "$tree/init"
# In the order in which they need each other.
for m in drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_modern_dev \
	drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci net/9p/9pnet net/9p/9pnet_virtio \
	fs/netfs/netfs fs/fscache/fscache fs/9p/9p fs/overlayfs/overlay drivers/net/veth fs/binfmt_misc; do
	cp "$modules/$m.ko" "$tree/modules"
	echo "${m##*/}" >>"$tree/modules/order"
done

{
	echo "export PATH='$PATH' HOME=/root TERM=dumb WALISUP_TEST_REQUIRE=1 WALISUP_TEST_PATIENCE=20m"
	echo 'uname -srv; failed=0'
	for p; do
		say "compiling the tests of $p" >&2
		(cd "$root" && go test -c -o "$work/tests/$p.test" "./$p")
		echo "echo '== $p'; cd '$root/$p' && '$work/tests/$p.test' -test.timeout 4h ${TESTS:+-test.run '$TESTS'} || failed=1"
	done
	echo 'exit $failed'
} >"$tree/job"
(cd "$tree" && find . | bin/busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$work/initrd.gz")

accelerator=tcg,thread=multi
[ ! -w /dev/kvm ] || ! grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo || accelerator=kvm
say "starting Linux $version ($accelerator)"
qemu-system-x86_64 -accel "$accelerator" -cpu max -smp 2 -m "${MEMORY:-8}G" -nodefaults -display none -serial stdio -no-reboot \
	-kernel "$work/$package/boot/vmlinuz-$version" -initrd "$work/initrd.gz" \
	-append "console=ttyS0 panic=-1 quiet" \
	-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
	-device virtio-9p-pci,fsdev=host,mount_tag=host </dev/null | tr -d '\r' | tee "$work/log"
grep -qx 'init: status 0' "$work/log" || fail "there were failures, see above or $work/log"
