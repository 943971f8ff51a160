#!/bin/sh
# Makes .cache/wazero, the wasm engine with our patches, and .cache/go.mod, by
# which the helper is built with it: go build -modfile=.cache/go.mod. See
# RATIONALE.md, "Why do we patch the engine?"
#
# usage: helper/engine/wazero/patch.sh    (from anywhere; prints the patches' hash)
set -eu
top=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$top"
GO=${GO:-go}
module=github.com/tetratelabs/wazero
out=.cache/wazero

hash=$(cat go.mod helper/engine/wazero/patches/*.patch | sha256sum | cut -c1-16)
if [ "$(cat .cache/wazero.hash 2>/dev/null)" != "$hash" ]; then
	source=$($GO mod download -json $module@"$($GO list -m -f '{{.Version}}' $module)" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p')
	[ -d "$source" ] || { echo "patch.sh: cannot find the source of $module" >&2; exit 1; }
	rm -rf "$out" .cache/wazero.hash
	mkdir -p .cache
	cp -r "$source" "$out"
	chmod -R u+w "$out"
	for patch in helper/engine/wazero/patches/*.patch; do
		# Outside of a work tree git apply takes paths as they are.
		(cd "$out" && GIT_CEILING_DIRECTORIES="$top/.cache" git apply --whitespace=nowarn "$top/$patch") || {
			echo "patch.sh: $patch does not fit this version of $module" >&2
			exit 1
		}
	done
	echo "$hash" >.cache/wazero.hash
fi
{ cat go.mod; echo "replace $module => ./$out"; } >.cache/go.mod.new
cmp -s .cache/go.mod.new .cache/go.mod || cp .cache/go.mod.new .cache/go.mod
rm -f .cache/go.mod.new
cmp -s go.sum .cache/go.sum || cp go.sum .cache/go.sum
echo "$hash"
