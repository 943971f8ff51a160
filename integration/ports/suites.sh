#!/bin/sh
# suites.sh [SUITE...] | list | table: run programs' own tests against both builds and write the
# counts and the differences to SUITES.md (table: only write, from what ran last here; what has
# not run here stays as it is). The test driver and its helpers are native; the program under
# test is the native build, then the module under walisup. PARTS="a b" chooses some parts of the
# suites, FLAVOURS="native wali" one build.
#
# suites/NAME.sh is a suite. It sets
#
#	needs    the ports that are tested, NAME if not set
#	about    one line for the table: which parts of the program's suite these are, and why those
#	abreast  yes if its two builds do not disturb each other, and may run at the same time
#	slower   how much more time than the native build took a part may take under walisup (4)
#
# and defines the function suite, which is called once for each flavour, in an empty directory; and,
# if it wants one, prepare, which is called once, in an empty directory, before both, to build natively
# what the tests need; suite is then called in that directory, for the native build first.
#
# suite runs its parts with part, and prints a line for each check: "ok PART: CHECK", "not ok PART:
# CHECK" or "skip PART: CHECK". The name of a part has no colon and no space. What fails or is
# skipped under walisup alone is explained in suites.tsv, or is a bug.
set -eu

ports=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$ports/../.." && pwd)
cache=$root/.cache/ports
results=$root/.cache/suites
mkdir -p "$results"
export LC_ALL=C
export WALISUP_CACHE="$root/.cache/tests/compiled"

list() {
	for f in "$ports"/suites/*.sh; do
		basename "$f" .sh
	done
}

load() {
	suite=$1
	[ -e "$ports/suites/$suite.sh" ] || { echo "suites.sh: no suite $suite; known: $(list | tr '\n' ' ')" >&2; exit 1; }
	needs=$suite about= abreast= slower=4
	unset -f suite prepare 2>/dev/null || :
	. "$ports/suites/$suite.sh"
}

# part NAME COMMAND...: run a part of the suite, its output into the file log, its exit status
# into $status, and print what becomes of it if it does not end. A native part has six minutes;
# a module has $slower times what the native build took and two minutes, or twelve if that is not
# known yet.
part() {
	echo "  $1 ($flavour)" >&2
	name=$1 limit=360 begin=$(date +%s) status=0
	shift
	: >>"$results/$suite-native.times"
	[ "$flavour" = native ] || limit=$(awk -v p="$name" -v slower="$slower" '
		$1 == p { limit = slower * $2 + 120 } END { print limit ? limit : 720 }' "$results/$suite-native.times")
	timeout -k 5 "$limit" "$@" >log 2>&1 </dev/null || status=$?
	echo "$name $(($(date +%s) - begin))" >>"$results/$suite-$flavour.times"
	cat log >>"$results/$suite-$flavour.log"
	case $status in 124 | 137) echo "not ok $name: did not end" ;; esac
	return 0
}

# tap: the checks of a part whose log is in Perl's test format.
tap() {
	awk -v part="$name" -v status="$status" '
		/^(not )?ok [0-9]/ {
			failed = /^not/
			sub(/^(not )?ok [0-9]+ *(- )?/, "")
			todo = / # TODO/ || /# TODO known/; skip = /# (SKIP|skip)/
			sub(/ *# (TODO|SKIP|skip).*/, "")
			kind = skip ? "skip" : failed && !todo ? "not ok" : "ok"
			if (kind == "not ok") bad = 1
			print kind " " part ": " $0
		}
		/^1\.\.0/ { print "skip " part ": all of it"; none = 1 }
		END { if (status != 0 && status != 124 && status != 137 && !bad && !none) print "not ok " part ": exit status" }' log
}

# automake NAME DIRECTORY [TESTS]: a part which is the tests of an automake makefile in a directory, or
# some of them, each with a limit of its own.
automake() {
	limited="timeout -k 5 180 sh" folder=$2
	part "$1" make -C "$2" -k -j2 check-TESTS SH_LOG_COMPILER="$limited" LOG_COMPILER="$limited" ${3:+TESTS="$3"}
	find "$folder" -name '*.trs' | sort | while read -r f; do
		check=${f#"$folder"/}
		check=${check%.trs}
		case $(sed -n 's/^:global-test-result: *//p' "$f") in
		PASS | XFAIL) echo "ok $name: $check" ;;
		SKIP) echo "skip $name: $check" ;;
		*) echo "not ok $name: $check" ;;
		esac
		cat "${f%.trs}.log" >>"$results/$suite-$flavour.log"
		rm -f "$f" "${f%.trs}.log"
	done
}

# launcher FILE PORT PROGRAM [FLAG...]: make FILE start a program of the flavour under test, with
# these flags of walisup start. By another name, as a link, it is started with that name.
launcher() {
	mkdir -p "$(dirname "$1")"
	rm -f "$1"
	if [ "$flavour" = native ]; then
		cp "$cache/$2/native/$3" "$1"
		return
	fi
	launched=$1 module=$cache/$2/wali/$3.wasm
	shift 3
	start="\"$root/bin/walisup\", \"start\", \"--cache\", \"$WALISUP_CACHE\""
	for flag; do start="$start, \"$flag\""; done
	cc -O -DSTART="$start" -DMODULE="\"$module\"" -o "$launched" "$ports/suites/launcher.c"
}

# launcher_in INSTANCE FILE PORT PROGRAM: the same, but as a part of a running instance, for
# programs that go on in the background.
launcher_in() {
	instance=$1
	shift
	if [ "$flavour" = native ]; then launcher "$@"; return; fi
	mkdir -p "$(dirname "$1")"
	rm -f "$1"
	cc -O -DSTART="\"$root/bin/walisup\", \"exec\"" -DINSTANCE="\"$instance\"" -DMODULE="\"$cache/$2/wali/$3.wasm\"" \
		-o "$1" "$ports/suites/launcher.c"
}

run() {
	flavour=$1 work=$(mktemp -d)
	mkdir "$work/empty" "$work/tmp"
	: >"$results/$suite-$flavour.log"
	: >"$results/$suite-$flavour.times"
	(export TMPDIR="$work/tmp"; cd "${tree:-$work/empty}" && suite) >"$results/$suite-$flavour.new"
	mv "$results/$suite-$flavour.new" "$results/$suite-$flavour"
	rm -rf "$work"
}

run_suite() (
	load "$1"
	"$ports/port.sh" build $needs
	echo "$suite" >&2
	tree=
	if command -v prepare >/dev/null; then
		tree=$results/$suite-tree
		rm -rf "$tree"
		mkdir -p "$tree"
		echo "  preparing" >&2
		set +e
		(set -e; cd "$tree"; prepare) >"$results/$suite-tree.log" 2>&1
		[ $? = 0 ] || { tail -30 "$results/$suite-tree.log" >&2; exit 1; }
		set -e
	fi
	for f in ${FLAVOURS:-native wali}; do
		if [ "$abreast" = yes ]; then run "$f" & else run "$f"; fi
	done
	wait
	[ -z "$tree" ] || rm -rf "$tree"
)

# checks FLAVOUR KIND: the checks of a kind, long numbers masked behind the part's name, as they
# change from run to run.
checks() {
	grep -aE "^($2) " "$results/$suite-$1" | sed -E -e "s/^($2) //" -e ":again" -e "s/^([^:]*:|[^:]*:.*[^0-9])[0-9]{4,}/\\1N/" -e "tagain" | sort || :
}

minutes() {
	awk '{ s += $2 } END { printf "%.1f", s / 60 }' "$results/$suite-$1.times"
}

row() {
	printf '| %s | %d' "$suite" "$(wc -l <"$results/$suite-wali.times")"
	for flavour in native wali; do
		printf ' | %d | %d | %d | %s' "$(checks $flavour ok | wc -l)" "$(checks $flavour 'not ok' | wc -l)" \
			"$(checks $flavour skip | wc -l)" "$(minutes $flavour)"
	done
	echo ' |'
}

section() {
	printf '## %s\n\n' "$suite"
	[ -z "$about" ] || printf '%s\n\n' "$about"
	{
		checks native 'not ok'
		checks native 'not ok|skip' | sed 's/$/ (skipped)/'
	} >"$results/native-failed"
	{
		checks wali 'not ok'
		checks wali skip | sed 's/$/ (skipped)/'
	} | awk -v known="$results/native-failed" '
			BEGIN { while ((getline line <known) > 0) failed[line] } !($0 in failed)' | sort | uniq -c | awk -F'\t' -v suite="$suite" '
			FNR == NR { if ($1 == suite) { check[++n] = $2; why[n] = $3 } next }
			{ times = $1 + 0; sub(/^ *[0-9]+ /, ""); reason = "not explained"
			  for (i = 1; i <= n; i++) if (index($0, check[i]) == 1) reason = why[i]
			  if (!some++) print "What failed or was skipped under walisup and not natively:\n"
			  print "- " $0 (times > 1 ? " (" times " times)" : "") ": " reason }
			END { if (!some) print "Nothing failed under walisup that did not fail natively." }' "$ports/suites.tsv" -
	echo
}

# each ROW-OR-SECTION OLD: what of a suite has not run here is taken from the old table.
each() {
	for suite in $(list); do
		load "$suite"
		if [ -e "$results/$suite-native" ] && [ -e "$results/$suite-wali" ]; then
			"$1"
		elif [ "$1" = row ]; then
			grep "^| $suite |" "$2" || :
		else
			awk -v head="## $suite" '/^## /{ on = $0 == head } on { print; last = $0 } END { if (last != "") print "" }' "$2"
		fi
	done
}

table() {
	old=$(mktemp)
	cp "$ports/SUITES.md" "$old"
	{
		cat <<-END
			# Programs' own tests

			Written by \`suites.sh\`: the drivers are native, the programs under test are built from Debian's
			source, natively and with walicc. Counted are the driver's checks; a part that does not end in time is a
			failed check. The parts are those that ran last, which may be some of a suite's (of git's 102, of coreutils' 22).

			| suite | parts | native: passed | failed | skipped | minutes | walisup: passed | failed | skipped | minutes |
			|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
		END
		each row "$old"
		echo
		each section "$old"
	} | sed -e '${/^$/d' -e '}' >"$ports/SUITES.md"
	rm "$old"
}

case ${1:-} in
list) list && exit ;;
table) ;;
*)
	[ $# -gt 0 ] || set -- $(list)
	for s; do run_suite "$s"; done
	;;
esac
table
cat "$ports/SUITES.md"
