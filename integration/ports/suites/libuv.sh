about="All of them, in a terminal; each is started by the test program from itself, as are the tests' servers and children."

suite() {
	run=./uv_run_tests
	if [ "$flavour" = native ]; then
		cp "$cache/libuv/native/uv_run_tests" .
	else
		cp "$cache/libuv/wali/uv_run_tests.wasm" uv_run_tests
		run="$root/bin/walisup start --cache $WALISUP_CACHE $run"
	fi
	mkdir test
	cp -a "$cache/libuv/source/test/fixtures" test
	export UV_RUN_AS_ROOT=1
	for t in ${PARTS:-all}; do
		part "$t" script -qec "stty rows 24 cols 80; $run $(echo "$t" | sed 's/^all$//')" /dev/null
		sed -i 's/\r$//' log
		tap
	done
}
