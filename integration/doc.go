// Package integration holds the tests and benchmarks that run the built
// programs: walisup with real modules, and beside it the same programs built
// for the machine itself, which say what is right.
//
// Files of C programs lie in testdata/c, recipes for programs from Debian's
// sources in ports. What the tests compile is kept in .cache/tests.
//
// `make test` builds all that is needed and then insists on it. A plain
// `go test ./...` skips what it cannot run and says what is missing.
package integration
