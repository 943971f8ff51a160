#!/bin/sh
# path.sh DIR: fails with one line if makefiles and configure scripts cannot build below DIR: they take a
# space for the end of a name, and other characters for syntax of their own.
set -eu

# Letters of other scripts do no harm.
case $(printf %s "$1" | LC_ALL=C tr -d '\200-\377') in
*[!A-Za-z0-9/._+@-]*)
	echo "$1 is a path in which the C library and the ports cannot be built: move it to one of letters, digits and . _ + @ -" >&2
	exit 1
	;;
esac
