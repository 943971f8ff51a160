# needs: pkgconf
mkdir -p pc/more
cat >pc/base.pc <<'END'
prefix=/opt/base
libdir=${prefix}/lib
Name: base
Description: the base library
Version: 1.2.3
Cflags: -I${prefix}/include -DBASE
Libs: -L${libdir} -lbase
Libs.private: -lm -lpthread
END
printf 'prefix=/usr\nName: top\nDescription: on base\nVersion: 2.0~rc1\nRequires: base >= 1.2\nRequires.private: hidden\nLibs: -ltop "-L${prefix}/a b"\n' >pc/top.pc
printf 'Name: hidden\nDescription: private\nVersion: 7\nCflags: -I/hidden\nLibs: -lhidden\nConflicts: base < 1\n' >pc/more/hidden.pc
printf 'Name: broken\nDescription: lacks something\nVersion: 1\nRequires: absent > 3\n' >pc/broken.pc
export PKG_CONFIG_PATH=$PWD/pc:$PWD/pc/more PKG_CONFIG_LIBDIR=$PWD/none
for args in '--version' '--modversion base' '--cflags --libs top' '--static --libs top' '--libs-only-l --static base' '--variable=libdir base' \
	'--define-variable=prefix=/x --cflags base' '--exists base' '--atleast-version=1.3 base' '--print-errors --exists top > 3' '--print-requires top' \
	'--print-requires-private top' '--print-provides top' '--list-package-names' '--cflags broken' '--libs gone' '--validate broken' '--path hidden' \
	'--digraph top' '--simulate top' '--keep-system-cflags --cflags top hidden'; do
	echo "== $args"
	pkgconf $args 2>&1 | sort
	pkgconf $args >out 2>&1; echo "status $?"
done
rm -f out
