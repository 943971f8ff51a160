# The script pings to find out whether there is IPv6, which a network of one's own has. Procan says who is whose
# parent; as a module, a launcher and walisup would lie between it and socat, so it is native.
about="All but those of TLS and of other hosts, as root, in a network of its own."
abreast=yes

suite() {
	cp -a "$cache/socat/source" socat
	cd socat
	for p in socat filan; do launcher $p socat $p --native-exec; done
	cp "$cache/socat/native/procan" .
	mkdir bin
	for p in ping ping6; do printf '#!/bin/sh\n' >bin/$p; chmod +x bin/$p; done
	for first in ${PARTS:-1 101 201 301 401}; do
		part "$first" unshare -n sh -c 'ip link set lo up
			PATH=$PWD/bin:$PATH exec bash ./test.sh "$@"' sh $(seq "$first" $((first + 99)))
		sed -E 's/\x1b\[[0-9;]*m//g' log | awk -v part="$first" '
			function end() { if (check != "") print (result != "" ? result : "skip") " " part ": " check }
			/^test +[0-9]+ [^ :]+:/ { end(); sub(/^test +[0-9]+ /, ""); result = ""; check = $1; sub(/:.*/, "", check) }
			result == "" && /\.\.\..* OK( |$)|^OK( |$)/ { result = "ok" }
			result == "" && /\.\.\..* FAILED( |:|$)|^FAILED( |$)/ { result = "not ok" }
			/^Summary:/ { end(); check = ""; done = 1 }
			END { if (!done) print "not ok " part ": no summary" }'
	done
}
