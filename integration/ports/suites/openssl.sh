about="The test programs that the recipe builds, with all of their data: big numbers, ciphers, digests, curves, keys, certificates, threads, TLS."
abreast=yes
slower=8

suite() {
	test=$cache/openssl/source/test
	data=$test/recipes
	for p in $(ls "$cache/openssl/native" | grep 'test$'); do launcher "$p" openssl "$p"; done
	for t in ${PARTS:-*test}; do
		case $t in
		bntest) data_parts "$t" "$data"/10-test_bn_data/*.txt ;;
		evp_test) data_parts "$t -config $test/default-and-legacy.cnf" "$data"/30-test_evp_data/*.txt ;;
		threadstest) tap_part "$t" "./$t" -config "$test/default.cnf" "$data/90-test_threads_data" ;;
		sslapitest) tap_part "$t" "./$t" "$test/certs" "$data/90-test_sslapi_data/passwd.txt" "$TMPDIR/passwords" default \
			"$test/default.cnf" "$data/90-test_sslapi_data/dhparams.pem" ;;
		*) tap_part "$t" "./$t" ;;
		esac
	done
}

tap_part() { part "$@"; tap; }

# data_parts COMMAND FILE...: a part for each file of data.
data_parts() {
	command=$1
	shift
	for f; do tap_part "${command%% *}/$(basename "$f" .txt)" ./$command "$f"; done
}
