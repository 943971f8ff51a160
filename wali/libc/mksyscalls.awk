# Turns syscalls.tsv into a header: awk -v what=numbers|calls|app -f mksyscalls.awk syscalls.tsv
#
# numbers: bits/syscall.h.in, the __NR_ constants in the form that musl's Makefile expects.
# calls:   bits/wali_syscall.h, one import per call and a function that dispatches on the
#          call number. Callers pass a constant, so that the compiler keeps one case, and
#          with it one import, of the switch.
# app:     bits/wali_app.h, the same for the calls that a layer makes with its caller's
#          pointers, and a list of all calls: X(number, name, (parameters), (arguments)).
BEGIN { FS = "\t"; split("__a __b __c __d __e __f", arg, " ") }
/^#/ || NF < 3 { next }
what == "numbers" { printf "#define __NR_%s\t%s\n", $2, $1; next }
what == "calls" || what == "app" {
	named = ""; names = ""
	n = ($3 == "-") ? 0 : length($3)
	types = ""; values = ""; read = ""
	for (i = 1; i <= n; i++) {
		t = substr($3, i, 1) == "l" ? "long" : "int"
		sep = i > 1 ? ", " : ""
		types = types sep t
		values = values sep "(" t ")" arg[i]
		named = named sep t " " arg[i]
		names = names sep arg[i]
	}
	name = NF > 3 ? $4 : $2
	prefix = (what == "app") ? "__app" : "__wali"
	import = (what == "app") ? "__APP_IMPORT" : "__WALI_IMPORT"
	protos = protos sprintf("long %s_SYS_%s(%s) %s(\"SYS_%s\");\n", prefix, name, n ? types : "void", import, name)
	cases = cases sprintf("\tcase %s: return %s_SYS_%s(%s);\n", $1, prefix, name, values)
	list = list sprintf(" \\\n\tX(%s, %s, (%s), (%s))", $1, name, n ? named : "void", names)
	masks = masks sprintf("\tcase %s: return %d;\n", $1, mask($3))
}
function mask(s,   i, m) {
	for (i = length(s); i > 0; i--) m = m * 2 + (substr(s, i, 1) == "l")
	return m
}
END {
	if (what == "app") {
		print "/* Generated from syscalls.tsv by mksyscalls.awk. */"
		print "#ifndef _BITS_WALI_APP_H\n#define _BITS_WALI_APP_H\n"
		print "#define __APP_IMPORT(name) __attribute__((__import_module__(\"app\"), __import_name__(name)))\n"
		printf "%s\n", protos
		print "static __inline __attribute__((__always_inline__, __unused__))"
		print "long __app_syscall(long __n, long __a, long __b, long __c, long __d, long __e, long __f)\n{"
		print "\tswitch (__n) {"
		printf "%s", cases
		print "\t}\n\treturn -38;\n}\n"
		printf "#define WALI_EACH_CALL(X)%s\n\n#endif\n", list
	}
	if (what != "calls") exit
	print "/* Generated from syscalls.tsv by mksyscalls.awk. */"
	print "#ifndef _BITS_WALI_SYSCALL_H\n#define _BITS_WALI_SYSCALL_H\n"
	print "#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
	print "#define __WALI_IMPORT(name) __attribute__((__import_module__(\"wali\"), __import_name__(name)))\n"
	printf "%s\n", protos
	print "static __inline __attribute__((__always_inline__, __unused__))"
	print "long __wali_syscall(long __n, long __a, long __b, long __c, long __d, long __e, long __f)\n{"
	print "\tswitch (__n) {"
	printf "%s", cases
	print "\t}\n\treturn -38;\n}\n"
	print "/* Bit i is set where parameter i of a call is a 64-bit value. */"
	print "#ifdef __WALI_NEED_MASKS"
	print "static int __wali_syscall_wide(long n)\n{\n\tswitch (n) {"
	printf "%s", masks
	print "\t}\n\treturn 0;\n}\n#endif\n"
	print "#ifdef __cplusplus\n}\n#endif\n\n#endif"
}
