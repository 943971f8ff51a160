#!/bin/sh
# demo.sh: show Lua, SQLite, and bash with busybox's commands, built from Debian's
# sources to WebAssembly, run under walisup beside the same programs built for this
# machine; then a detached instance. `make demo` builds all that this needs first.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
ports=$root/.cache/ports
walisup=$root/bin/walisup
work=$(mktemp -d)
trap '"$walisup" --state-dir "$work/state" rm -fa >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$work/native" "$work/walisup"
: >"$work/differences"

# The example data that both builds read.
for dir in native walisup; do
	cat >"$work/$dir/names.txt" <<-TEXT
		Ada Lovelace
		Grace Hopper
		Barbara Liskov
	TEXT
	cat >"$work/$dir/report.lua" <<-'LUA'
		-- Reads a file, arguments and the environment; writes a file; exits with 3.
		local names = {}
		for line in io.lines(arg[1]) do names[#names + 1] = line end
		table.sort(names)
		print(("%s says hello to %d people:"):format(os.getenv("GREETER"), #names))
		local out = assert(io.open("greetings.txt", "w"))
		for i, name in ipairs(names) do
		  print(i, name)
		  out:write("Hello ", name, "\n")
		end
		out:close()
		os.exit(3)
	LUA
	cat >"$work/$dir/words.sh" <<-'BASH'
		# Pipelines, functions, background jobs, signals: each word a process.
		trap 'echo "the shell ends"' EXIT
		words() { tr -cs A-Za-z '\n' | tr A-Z a-z | sort | uniq -c | sort -k1,1rn -k2; }
		echo "frequent: $(words <"$1" | head -n 3 | tr -s ' \n' ' ')"
		for i in 1 2 3; do (seq $((i * 1000)) | wc -l >count.$i) & done
		wait
		echo "counted in the background:" $(cat count.1 count.2 count.3)
		sh -c 'kill -TERM $$'
		echo "a child that a signal ended: $?"
		paste <(seq 3) <(seq 3 -1 1)
		exit 7
	BASH
done
tools=$work/tools
for kind in native wali; do
	mkdir -p "$tools/$kind"
	program=$ports/busybox/$kind/busybox
	[ $kind = native ] || program=$program.wasm
	for name in sh tr sort uniq head seq wc cat paste sleep; do ln -s "$program" "$tools/$kind/$name"; done
done

# show TITLE PORT PROGRAM ARGUMENT...: run both builds, show and compare them.
show() {
	title=$1 port=$2 program=$3
	shift 3
	printf '\n== %s\n' "$title"
	printf '$ walisup start %s.wasm' "$program"
	for word; do
		case $word in
		*[!a-zA-Z0-9_./:=-]*) printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	echo
	status=0
	(cd "$work/walisup" && PATH=$tools/wali && "$walisup" start "$ports/$port/wali/$program.wasm" "$@") >"$work/guest" 2>&1 </dev/null || status=$?
	native_status=0
	(cd "$work/native" && PATH=$tools/native && "$ports/$port/native/$program" "$@") >"$work/host" 2>&1 </dev/null || native_status=$?
	cat "$work/guest"
	if cmp -s "$work/host" "$work/guest" && [ $status = $native_status ]; then
		echo "-- output and exit status ($status) are those of the native build"
	else
		echo "-- DIFFERS from the native build (exit status $native_status):"
		diff "$work/host" "$work/guest" || :
		echo "$title" >>"$work/differences"
	fi
}

export GREETER=walisup
show "Lua: version" lua5.4 lua -e 'print(_VERSION, 2^53 | 0, ("%.14f"):format(math.pi))'
show "Lua: a script with file, argument and environment" lua5.4 lua report.lua names.txt
show "SQLite: make a database file" sqlite3 sqlite3 shop.db \
	"CREATE TABLE sales(item, n); INSERT INTO sales VALUES('tea',3),('rice',5),('tea',4); SELECT item, sum(n) FROM sales GROUP BY item"
show "SQLite: ask another process for it" sqlite3 sqlite3 -header -column shop.db \
	"SELECT item, n, sum(n) OVER (ORDER BY n) AS running FROM sales"
show "SQLite: an error" sqlite3 sqlite3 shop.db "SELECT * FROM nowhere"
show "bash: a script of many processes" bash bash words.sh report.lua

printf '\n== The files that the two wrote\n'
if diff -r "$work/native" "$work/walisup"; then
	(cd "$work/walisup" && ls -l) | sed 1d
	echo "-- the same, byte by byte"
else
	echo files >>"$work/differences"
fi
# run COMMAND...: show a command of walisup and its output.
run() {
	printf '$ walisup'
	for word; do
		case $word in
		*' '*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	echo
	"$walisup" --state-dir "$work/state" "$@"
}

printf '\n== An instance in the background\n'
cd "$tools/wali"
run start --detach --name clock --env PATH="$tools/wali" sh -c 'trap "echo bye; exit" TERM; while :; do echo tick; sleep 1 & wait; done'
sleep 2
run ps
run top clock
run stop clock
run logs clock
run rm clock

if [ -s "$work/differences" ]; then
	printf '\nThe demo found differences.\n' >&2
	exit 1
fi
