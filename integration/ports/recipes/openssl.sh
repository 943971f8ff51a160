about="libcrypto and libssl, the openssl command and a part of their tests"
version=3.0.20
tools=perl:perl

build() {
	# A long has 64 bits in both builds. musl has no makecontext, for async.
	./Configure linux-generic64 --prefix="$out" --libdir=lib --openssldir=/etc/ssl \
		no-asm no-shared no-module no-dso no-async no-makedepend CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS"
	make -j"$JOBS" build_generated
	programs="apps/openssl"
	for t in bn_internal_test bntest bftest casttest constant_time_test destest dhtest ecdsatest ectest evp_extra_test \
		evp_test exptest hmactest lhash_test rsa_test sha_test threadstest asn1_encode_test x509_internal_test sslapitest; do
		programs="$programs test/$t"
	done
	make -j"$JOBS" libcrypto.a libssl.a $programs
	make install_dev
	for p in $programs; do program $p; done
}
