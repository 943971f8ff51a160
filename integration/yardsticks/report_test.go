package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	results := []result{
		{name: "fork/1-1", verdicts: []string{pass, pass, pass}, tries: 1},
		{name: "fork/2-1", verdicts: []string{pass, pass, pass}, tries: 2},
		{name: "mmap/1-1", verdicts: []string{pass, "FAIL", "FAIL"}, tries: 4},
		{name: "mmap/2-1", verdicts: []string{pass, "FAIL", pass}, tries: 4},
		{name: "mmap/3-1", verdicts: []string{"FAIL", "SIGSEGV", "late"}, tries: 4},
		{name: "mmap/4-1", verdicts: []string{"late", pass, "late"}, tries: 1},
		{name: "time/1-1", verdicts: []string{"FAIL", "FAIL", "FAIL"}, tries: 1},
	}
	why := &reason{suite: "posix", pattern: regexp.MustCompile("^mmap/2-1$"), text: "Because"}
	var text strings.Builder
	got := describe(&text, "posix", results, []*reason{why})
	want := counts{tests: 7, native: 4, walisup: 3, same: 3, better: 1, library: 1, named: 1, unexplained: 1}
	if got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if !why.used {
		t.Error("the reason counts as unused")
	}
	for _, line := range []string{
		"| processes | 2 | 2 | 2 | 2 | 0 | 0 | 0 | 0 |\n",
		"\nBecause:\n\n- mmap/2-1: natively PASS, under walisup FAIL\n",
		"\nUnexplained:\n\n- mmap/3-1: natively FAIL, under walisup SIGSEGV\n",
		"agreed when run alone: fork/2-1.\n",
	} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("no %q in\n%s", line, text.String())
		}
	}
}

func TestBusyboxVerdicts(t *testing.T) {
	t.Parallel()
	got := busyboxVerdicts(ending{output: "noise\nPASS: one\nFAIL: two: three\nSKIPPED: four\n"})
	for name, want := range map[string]string{"one": pass, "two: three": "FAIL", "four": "SKIPPED"} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 3 {
		t.Errorf("too much: %v", got)
	}
}
