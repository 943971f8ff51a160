about="secure shell: sshd with separated privileges, ssh, ssh-keygen"
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
	make -j"$JOBS" sshd ssh ssh-keygen sftp-server sftp ssh-add ssh-agent
	for p in sshd ssh ssh-keygen sftp-server sftp ssh-add ssh-agent; do program $p; done
}
