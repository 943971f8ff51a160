// Command tablegen writes the table of system calls in docs/syscalls.md. Run it in
// the module's root:
//
//	go run ./wali/tablegen
//
// What a call does comes from package wali's table; what is tested, from the
// sources of the tests: which rows they name, which the hostile-argument test
// leaves out, and which functions the C test programs call.
package main

import (
	"flag"
	"fmt"
	"os"

	"walisup/docs/section"
)

// document is the file that has the table.
const document = "docs/syscalls.md"

func main() {
	root := flag.String("root", ".", "directory of the module")
	check := flag.Bool("check", false, "change nothing; fail if the table is out of date")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "tablegen:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	name := root + "/" + document
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	tests, err := findTests(root)
	if err != nil {
		return err
	}
	text, err := section.Replace(string(old), "system calls", table(tests))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case text == string(old):
		return nil
	case check:
		return fmt.Errorf("%s: the table of system calls is out of date; run: go run ./wali/tablegen", name)
	}
	return os.WriteFile(name, []byte(text), 0o644)
}
