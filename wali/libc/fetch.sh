#!/bin/sh
# fetch.sh PACKAGE [DIR]: download the files of a Debian source package.
#
# Uses apt-get with a configuration of its own, derived from the Debian sources that the
# system is configured for, so that neither the system's package lists nor its sources.list
# change and no privilege is needed. Prints the folder that holds the files (DIR, or one
# under .cache/src). A package that is there already is not looked up again; remove the
# folder for that.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
package=$1
dir=${2:-$root/.cache/src/$package}
apt=$root/.cache/apt

if ls "$dir"/*.dsc >/dev/null 2>&1; then
	echo "$dir"
	exit 0
fi

for tool in apt-get awk; do
	command -v $tool >/dev/null || { echo "fetch.sh: $tool is missing; sources come from Debian's archive" >&2; exit 1; }
done

# Debian's own entries, told by suite and component: other archives offer no Debian sources.
write_sources() {
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || { echo "fetch.sh: /etc/os-release names no VERSION_CODENAME" >&2; exit 1; }
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -e "$file" ] || continue
		awk -v code="$codename" '
			function wanted(s) { return s == code || s == code "-updates" || s == code "-security" || s == code "/updates" }
			$1 == "deb" {
				i = 2
				if ($2 ~ /^\[/) while (i <= NF && $i !~ /\]$/) i++
				if ($2 ~ /^\[/) i++
				if (!wanted($(i+1)) || $0 !~ / main( |$)/) next
				sub(/^deb/, "deb-src"); print
			}' "$file"
	done >"$apt/sources.list.d/system.list"
	n=0
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -e "$file" ] || continue
		n=$((n + 1))
		awk -v code="$codename" '
			function wanted(s) { return s == code || s == code "-updates" || s == code "-security" || s == code "/updates" }
			function flush() { if (ok && main && !off) printf "%s\n", text; text = ""; ok = main = off = 0 }
			/^[ \t]*$/ { flush(); next }
			/^#/ { next }
			{ key = tolower($1) }
			key == "types:" { text = text "Types: deb-src\n"; next }
			key == "enabled:" && tolower($2) == "no" { off = 1 }
			key == "suites:" { for (i = 2; i <= NF; i++) if (wanted($i)) ok = 1 }
			key == "components:" { for (i = 2; i <= NF; i++) if ($i == "main") main = 1 }
			{ text = text $0 "\n" }
			END { flush() }' "$file" >"$apt/sources.list.d/system$n.sources"
	done
	if ! grep -qs deb-src "$apt"/sources.list.d/*; then
		echo "fetch.sh: no Debian $codename archive in /etc/apt/sources.list or sources.list.d" >&2
		exit 1
	fi
}

# Hooks of the system's configuration are meant for its own lists and caches.
write_config() {
	cat >"$apt/apt.conf" <<-EOF
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Dir::State "$apt/state";
		Dir::Cache "$apt/cache";
		Dir::Etc::SourceList "/dev/null";
		Dir::Etc::SourceParts "$apt/sources.list.d";
		APT::Sandbox::User "$(id -un)";
	EOF
}

run_apt() {
	apt-get -qq -c "$apt/apt.conf" "$@"
}

mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/sources.list.d"
write_config
if [ -z "$(find "$apt/updated" -mtime -1 2>/dev/null)" ]; then
	echo "reading the list of Debian's source packages" >&2
	rm -f "$apt"/sources.list.d/*
	write_sources
	run_apt update >&2
	touch "$apt/updated"
fi

echo "downloading $package" >&2
part=$dir.part
trap 'rm -rf "$part"' EXIT
download() {
	rm -rf "$part"
	mkdir -p "$part"
	(cd "$part" && run_apt source --download-only "$1" >&2)
}
if ! download "$package"; then
	# A mirror's lists can be ahead of its files: take an older version that the lists have.
	for version in $(apt-cache -c "$apt/apt.conf" showsrc "$package" | sed -n 's/^Version: //p' | sort -Vru | sed 1d); do
		echo "downloading $package $version instead" >&2
		! download "$package=$version" || break
	done
fi
ls "$part"/*.dsc >/dev/null 2>&1 || { echo "fetch.sh: apt-get brought no $package" >&2; exit 1; }
rm -rf "$dir"
mv "$part" "$dir"
echo "$dir"
