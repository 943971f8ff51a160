package mlist

import (
	"debug/dwarf"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOffsets compares what this package knows of the runtime with what the compiler
// says of it.
func TestOffsets(t *testing.T) {
	fields := runtimeFields(t, "runtime.m", "runtime.g")
	source, err := os.ReadFile("mlist_" + runtime.GOARCH + ".s")
	if err != nil {
		t.Fatal(err)
	}
	define := regexp.MustCompile(`#define g_m (\d+)`).FindSubmatch(source)
	if define == nil {
		t.Fatal("the assembly does not define g_m")
	}
	gM, _ := strconv.ParseInt(string(define[1]), 10, 64)
	for field, want := range map[string]int64{
		"runtime.m.procid":  offProcID,
		"runtime.m.tls":     offTLS,
		"runtime.m.alllink": offAllLink,
		"runtime.g.m":       gM,
	} {
		if got, ok := fields[field]; !ok || got != want {
			t.Errorf("%s is at offset %d (%v), not %d", field, got, ok, want)
		}
	}
}

// runtimeFields returns the offsets of the fields of some of the runtime's types, as
// the debug information of a program has them.
func runtimeFields(t *testing.T, types ...string) map[string]int64 {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("build a program: %v\n%s", err, out)
	}
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]int64{}
	for r := info.Reader(); ; {
		entry, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if entry == nil {
			return fields
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		if entry.Tag != dwarf.TagStructType || name != types[0] && name != types[1] {
			continue
		}
		typ, err := info.Type(entry.Offset)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range typ.(*dwarf.StructType).Field {
			fields[name+"."+field.Name] = field.ByteOffset
		}
	}
}

// TestList finds threads by their ids, and an M by its thread pointer.
func TestList(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := Check(); err != nil {
		t.Fatal(err)
	}
	ids, done := make(chan int), make(chan bool)
	for range 3 {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ids <- unix.Gettid()
			<-done
		}()
	}
	for range 3 {
		if id := <-ids; !listed(id) {
			t.Errorf("thread %d is not listed", id)
		}
	}
	close(done)
	if got := OfTLS(Self().TLS()); got != Self() {
		t.Errorf("by its thread pointer the present M is %#x, not %#x", got, Self())
	}
	var fs uintptr
	if !threadPointer(&fs) {
		t.Skip("this architecture does not tell the thread pointer")
	}
	if fs != Self().TLS() {
		t.Errorf("the thread pointer is %#x, not %#x", fs, Self().TLS())
	}
}

func listed(id int) bool {
	for m := First(); m != 0; m = m.Next() {
		if m.ID() == uint64(id) {
			return true
		}
	}
	return false
}
