# The driver is the program under test. Its tests use the machine's shell and tools. A virtual machine's
# VSOCK may have no other end, for which a test waits for ever.
about="The modules that concern processes, threads, signals, sockets, TLS, terminals, files, compression and time, and the core of the language. Nine tests miss a module for tests that is not built in, with both builds."
abreast=yes

suite() {
	modules="os posix posixpath subprocess signal threadsignals threading thread threading_local fork1 wait3 wait4 eintr
		select poll epoll selectors socket socketserver mmap fcntl ioctl pty openpty pwd grp resource time popen pipes
		faulthandler atexit sys cmd_line cmd_line_script runpy file io fileio tempfile shutil glob queue
		multiprocessing_fork asyncio httpservers json re struct math unicode bytes long float int array exceptions
		generators gc zlib hashlib sqlite3
		ssl bz2 lzma curses readline rlcompleter hmac secrets urllib urllib2 urllib2_localnet urllib_response urlparse
		httplib ftplib poplib imaplib smtplib xmlrpc wsgiref asyncore asynchat concurrent_futures timeout tarfile zipfile
		gzip multiprocessing_spawn multiprocessing_forkserver multiprocessing_main_handling getpass crypt spwd syslog
		locale strptime datetime decimal pathlib stat largefile logging pickle"
	export TERM=xterm
	unset PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME
	if [ "$flavour" = native ]; then
		set -- "$cache/python3.11/native/python3"
	else
		set -- "$root/bin/walisup" start --native-exec -- "$cache/python3.11/wali/python3.wasm"
	fi
	for t in ${PARTS:-$(printf 'test_%s\n' $modules)}; do
		rm -f results.xml
		part "$t" "$@" -m test -u curses --ignore '*VSOCK*' --junit-xml "$PWD/results.xml" "$t"
		"$cache/python3.11/native/python3" - "$t" $status <<-'END' || echo "not ok $t: no results"
			import sys, xml.etree.ElementTree as xml
			part, status, failed = sys.argv[1], sys.argv[2], False
			for case in xml.parse('results.xml').iter('testcase'):
			    kinds = {result.tag for result in case}
			    kind = 'not ok' if kinds & {'failure', 'error'} else 'skip' if 'skipped' in kinds else 'ok'
			    failed |= kind == 'not ok'
			    print(f'{kind} {part}: {case.get("name").strip()}')
			if status == '2' and not failed:
			    print(f'not ok {part}: a part of a check') # of which the file says nothing
		END
	done
}
