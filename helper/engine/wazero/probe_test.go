package wazero_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ours "walisup/helper/engine/wazero"
	"walisup/helper/engine/wazero/enginetest"
)

// The probe needs the place of the memory for itself, which other tests use.
func TestMemoryBase(t *testing.T) {
	enginetest.NeedPatches(t) // and, by that, no race detector: it has the place for itself
	if os.Getenv("WALISUP_TEST_PROBE") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryBase$", "-test.v")
		cmd.Env = append(os.Environ(), "WALISUP_TEST_PROBE=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestMemoryBase") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := ours.ProbeMemoryBase(t.Context(), false); err != nil {
		t.Error(err)
	}
}

// An engine that is built with another base is noticed.
func TestWrongMemoryBase(t *testing.T) {
	enginetest.NeedPatches(t)
	if os.Getenv("WALISUP_TEST_WRONG_BASE") != "" {
		return // TestMemoryBase alone is wanted
	}
	const cache = "../../../.cache/"
	lower, err := filepath.Abs(cache + "wazero/internal/engine/wazevo/frontend/lower.go")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(lower)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(source), "walisupMemoryBase = 0x1000_0000", "walisupMemoryBase = 0x1001_0000", 1)
	if changed == string(source) {
		t.Fatal("the engine's constant has another name")
	}
	dir := t.TempDir()
	other, overlay := filepath.Join(dir, "lower.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{lower: other}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(other, []byte(changed), 0o644), os.WriteFile(overlay, replace, 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-ldflags=-checklinkname=0", "-modfile="+cache+"go.mod", "-overlay="+overlay, "-run=^TestMemoryBase$", ".")
	cmd.Env = append(os.Environ(), "WALISUP_TEST_WRONG_BASE=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), fmt.Sprintf("takes the memory to be elsewhere than at %#x", 0x1000_0000)) {
		t.Errorf("%v\n%s", err, out)
	}
}
