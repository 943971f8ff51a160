about="transfers files by URL: HTTP and FTP, without TLS"
version=7.88.1
needs=zlib

build() {
	./configure ${host:+--host=$host} --disable-shared --disable-dependency-tracking --without-ssl --with-zlib \
		--without-brotli --without-zstd --without-libpsl --without-libidn2 --without-nghttp2 --without-librtmp \
		--disable-ldap --disable-manual --enable-threaded-resolver --with-ca-bundle=/etc/ssl/certs/ca-certificates.crt
	make -j"$JOBS" -C lib
	make -j"$JOBS" -C src curl
	program src/curl
}
