// Command tablegen writes the table of system calls in README.md, between the
// two marker lines. Run it in the module's root:
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
)

func main() {
	root := flag.String("root", ".", "folder of the module")
	check := flag.Bool("check", false, "change nothing; fail if the table is out of date")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "tablegen:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	name := root + "/README.md"
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	tests, err := findTests(root)
	if err != nil {
		return err
	}
	readme, err := replaceSection(string(old), section(tests))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case readme == string(old):
		return nil
	case check:
		return fmt.Errorf("%s: the table of system calls is out of date; run: go run ./wali/tablegen", name)
	}
	return os.WriteFile(name, []byte(readme), 0o644)
}
