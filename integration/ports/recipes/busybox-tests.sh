. "$ports/recipes/busybox.sh"
about="busybox's own tests, for its applets and for shells, a yardstick"
yardstick=yes
source=busybox

# The tests look at the configuration, which prepare() has made.
build() {
	cp -r .config testsuite shell/ash_test shell/hush_test "$out"
}
