about="the Perl language, with the extensions of its distribution that its core's tests use"
version=5.36.0

# Much of the distribution is from CPAN, needs further libraries or tests only perl's interface. What is built here:
# the language, POSIX, IO, Socket, Storable, Data::Dumper, Digest, List::Util, Time::HiRes and their like.
prepare() {
	for d in cpan/Archive-Tar cpan/CPAN cpan/Compress-Raw-Bzip2 cpan/Compress-Raw-Zlib cpan/DB_File cpan/Encode cpan/HTTP-Tiny \
		cpan/IO-Compress cpan/IO-Zlib cpan/IPC-SysV cpan/Unicode-Collate cpan/autodie cpan/libnet cpan/perlfaq \
		cpan/bignum cpan/Math-BigRat cpan/Module-Load-Conditional cpan/Pod-Perldoc cpan/Pod-Checker cpan/podlators \
		dist/Module-CoreList dist/Net-Ping dist/threads dist/threads-shared dist/encoding-warnings \
		ext/GDBM_File ext/NDBM_File ext/ODBM_File ext/PerlIO-encoding ext/Pod-Html ext/XS-APItest ext/XS-Typemap; do
		rm -r "$d"
		sed -i "\,^$d/,d" MANIFEST
	done
}

# Configure runs what it builds: cc-run makes that run under walisup. What only serves the build, miniperl and
# generate_uudmap, is the native build's. There is no dlopen: extensions are built in.
build() {
	set -- -des -Dcc="$CC" -Dprefix="$out" -Dprivlib="$out/lib" -Darchlib="$out/lib" -Doptimize="$CFLAGS" -Uusedl -Dusenm=n \
		-Duse64bitint -Dman1dir=none -Dman3dir=none -Dnoextensions=Devel/PPPort -Dldflags=' ' -Dlocincpth=' ' -Dloclibpth=' '
	if [ "$flavour" = native ]; then
		./Configure "$@" -Dlibs='-lm -lcrypt'
	else
		./Configure "$@" -Dcc="$ports/cc-run" -Dld="$ports/cc-run" -Dar="$AR" -Dnm="$NM" -Dranlib="$RANLIB" -Dlibs=-lm \
			-Uuse64bitall -Darchname=wasm32-linux -Dusrinc="$root/.cache/sysroot/include" -Dlibpth="$root/.cache/sysroot/lib" \
			-Dhostperl="$cache/perl/native/miniperl" -Dhostgenerate="$cache/perl/native/generate_uudmap"
	fi
	make -j"$JOBS" perl
	if [ "$flavour" = native ]; then
		cp miniperl generate_uudmap "$out"
		program perl
	else
		program perl.wasm perl
	fi
	cp -a lib config.sh "$out"
}
