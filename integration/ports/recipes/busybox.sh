about="the small Unix tools in one program"
version=1.35.0

# What the C library, or a guest in general, has no use for: kernel modules, and
# what talks to a machine's own console, swap or loader.
prepare() {
	make defconfig
	for option in INSMOD RMMOD LSMOD MODPROBE DEPMOD MODINFO LINUXRC; do
		sed -i "s/^CONFIG_$option=y/# CONFIG_$option is not set/" .config
	done
	yes '' | make oldconfig
}

build() {
	if [ "$flavour" = wali ]; then
		make -j"$JOBS" CC="$CC" AR="$AR" LD="$LD" NM="$NM" STRIP="$STRIP" HOSTCC=cc SKIP_STRIP=y busybox_unstripped
	else
		make -j"$JOBS" SKIP_STRIP=y busybox_unstripped
	fi
	program busybox_unstripped busybox
}
