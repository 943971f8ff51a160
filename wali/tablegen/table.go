package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"walisup/wali"
)

// table is the generated text.
func table(tests evidence) string {
	var passed, converted []string
	refused := map[string][]string{}
	var notes []string
	available, tested := 0, 0
	for _, row := range wali.Table() {
		mark := tests.mark(row.Name)
		name := "`" + row.Name + "`" + mark
		switch {
		case row.Refused != "":
			refused[row.Refused] = append(refused[row.Refused], "`"+row.Name+"`")
			continue
		case row.Do != nil:
			converted = append(converted, name)
		default:
			passed = append(passed, name)
		}
		available++
		if tests.named[row.Name] {
			tested++
		}
		if row.Note != "" {
			notes = append(notes, "- `"+row.Name+"`: "+row.Note)
		}
	}

	var b strings.Builder
	fmt.Fprintf(&b, "Of the %d calls that Linux has or had, %d work and %d answer ENOSYS.\n\n", len(wali.Table()), available, len(wali.Table())-available)
	b.WriteString("| How | Calls |\n|---|---|\n")
	fmt.Fprintf(&b, "| handed to the kernel, pointers translated (%d) | %s |\n", len(passed), strings.Join(passed, " "))
	fmt.Fprintf(&b, "| with code of their own (%d) | %s |\n", len(converted), strings.Join(converted, " "))
	for _, reason := range byCount(refused) {
		names := refused[reason]
		fmt.Fprintf(&b, "| ENOSYS: %s (%d) | %s |\n", reason, len(names), strings.Join(names, " "))
	}
	fmt.Fprintf(&b, "\n%d of the calls are compared with the kernel or with known results in tests that name them. "+
		"¹ only the C test programs make this call; ² only the test with hostile arguments does; ³ no test does.\n", tested)
	if len(notes) > 0 {
		b.WriteString("\nWhat is missing or differs:\n\n" + strings.Join(notes, "\n") + "\n")
	}
	return b.String()
}

// byCount returns the keys, those with most names first.
func byCount(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(m[b]), len(m[a])), strings.Compare(a, b))
	})
	return keys
}
