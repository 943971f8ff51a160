about="secure shell: sshd with separated privileges, ssh, scp, sftp, the agent and keys, with its unit tests"
version=9.2p1
needs=zlib

build() {
	# Its own cryptography: Ed25519, Curve25519, ChaCha20-Poly1305. The tests have no
	# user and no folder of their own for the unprivileged part; that part is not sandboxed
	# beyond that, as there is no seccomp for guests.
	[ "$flavour" = native ] || export ac_cv_have_control_in_msghdr=yes ac_cv_have_broken_snprintf=no
	./configure ${host:+--host=$host} --without-openssl --without-pam --without-selinux --without-libedit \
		--without-kerberos5 --disable-pkcs11 --disable-security-key --without-stackprotect --without-hardening \
		--without-pie --disable-lastlog --disable-utmp --disable-utmpx --disable-wtmp --disable-wtmpx \
		--disable-strip --with-sandbox=no --with-privsep-user=nobody --with-privsep-path=/usr/share \
		--with-pid-dir=/nonexistent --with-xauth=no CFLAGS="$CFLAGS -w"
	programs="sshd ssh ssh-keygen ssh-keyscan ssh-agent ssh-add sftp sftp-server scp"
	make -j"$JOBS" $programs regress-unit-binaries
	for p in $programs $(find regress/unittests -name "test_*" -type f -perm -1); do program $p; done
}
