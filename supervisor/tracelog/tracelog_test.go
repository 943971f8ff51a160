package tracelog

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/wali"
)

func place(t *testing.T, name string) uint16 {
	t.Helper()
	row := wali.Lookup(name)
	if row == nil {
		t.Fatalf("no call %s", name)
	}
	return uint16(row.Place())
}

func TestFilter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		filter   string
		has, not string // calls
	}{
		{"openat,read", "openat read", "write close open"},
		{"trace=read", "read", "write"},
		{"%file", "openat stat execve rename chdir getcwd symlink mount", "read fchmod getpid close memfd_create sethostname"},
		{"file", "openat", "read"},
		{"%process", "fork vfork clone execve exit_group wait4 kill", "openat getpid"},
		{"%network", "socket connect sendto", "read"},
		{"%signal", "rt_sigaction kill pause", "read"},
		{"%memory", "mmap brk munmap", "read"},
		{"%desc", "read close mmap poll dup2 epoll_wait ioctl fcntl openat", "chdir getpid"},
		{"%file,read", "openat read", "write"},
		{"!openat,read", "write close", "openat read"},
		{"!%file", "read", "openat"},
		{"all", "read openat getpid", ""},
		{"none", "", "read openat"},
	} {
		var config ipc.TraceConfig
		if err := ParseFilter(test.filter, &config); err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		for _, name := range strings.Fields(test.has) {
			if !config.Has(int(place(t, name))) {
				t.Errorf("%s does not show %s", test.filter, name)
			}
		}
		for _, name := range strings.Fields(test.not) {
			if config.Has(int(place(t, name))) {
				t.Errorf("%s shows %s", test.filter, name)
			}
		}
	}
}

func TestBadFilter(t *testing.T) {
	t.Parallel()
	for _, filter := range []string{"", "opnat", "%files", "read,,write", "!", "%"} {
		if err := ParseFilter(filter, new(ipc.TraceConfig)); err == nil {
			t.Errorf("%q is taken for a filter", filter)
		}
	}
}

func TestEveryCallOfClassesExists(t *testing.T) {
	t.Parallel()
	for _, class := range classes {
		for _, name := range strings.Fields(class.calls) {
			if wali.Lookup(name) == nil {
				t.Errorf("class %s: no call %s", class.name, name)
			}
		}
	}
}

func TestPrinter(t *testing.T) {
	t.Parallel()
	read, wait, getpid := place(t, "read"), place(t, "wait4"), place(t, "getpid")
	execve := place(t, "execve")
	enter := func(tid uint32, call uint16, text string) ipc.TraceRecord {
		return ipc.TraceRecord{Kind: ipc.TraceEnter, TID: tid, Call: call, Text: []byte(text)}
	}
	leave := func(tid uint32, call uint16, text, result string) ipc.TraceRecord {
		return ipc.TraceRecord{Kind: ipc.TraceLeave, TID: tid, Call: call, Text: []byte(text), Result: []byte(result), Duration: 1_234_567}
	}
	whole := func(tid uint32, call uint16, text, result string) ipc.TraceRecord {
		return ipc.TraceRecord{Kind: ipc.TraceCall, TID: tid, Call: call, Text: []byte(text), Result: []byte(result), Time: int64(tid) * 1_500_000_000}
	}
	for _, test := range []struct {
		name    string
		style   Style
		records []ipc.TraceRecord
		want    string
	}{
		{"whole", Style{}, []ipc.TraceRecord{whole(5, getpid, "getpid(", "5")},
			"[pid 5] getpid()                        = 5\n"},
		{"joined", Style{Durations: true}, []ipc.TraceRecord{enter(5, read, "read(0, "), leave(5, read, `"x", 1`, "1")},
			"[pid 5] read(0, \"x\", 1)                 = 1 <0.001234>\n"},
		{"interrupted by another", Style{}, []ipc.TraceRecord{
			enter(5, wait, "wait4(6, "), whole(6, getpid, "getpid(", "6"), leave(5, wait, "NULL, 0, NULL", "6")},
			"[pid 5] wait4(6,  <unfinished ...>\n[pid 6] getpid()                        = 6\n" +
				"[pid 5] <... wait4 resumed>NULL, 0, NULL) = 6\n"},
		{"two at once", Style{}, []ipc.TraceRecord{
			enter(5, read, "read(0, "), enter(6, read, "read(0, "), leave(5, read, `"", 1`, "0"), leave(6, read, `"", 1`, "0")},
			"[pid 5] read(0,  <unfinished ...>\n[pid 6] read(0,  <unfinished ...>\n" +
				"[pid 5] <... read resumed>\"\", 1)        = 0\n[pid 6] <... read resumed>\"\", 1)        = 0\n"},
		{"restarted", Style{}, []ipc.TraceRecord{
			enter(5, read, "read(0, "), {Kind: ipc.TraceRestart, TID: 5},
			{Kind: ipc.TraceSignal, TID: 5, Text: []byte("SIGALRM {si_signo=SIGALRM}")}, leave(5, read, `"", 1`, "0")},
			"[pid 5] read(0, )                       = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n" +
				"[pid 5] --- SIGALRM {si_signo=SIGALRM} ---\n[pid 5] <... read resumed>\"\", 1)        = 0\n"},
		{"a call that never returned", Style{}, []ipc.TraceRecord{enter(5, read, "read(0, "), whole(5, getpid, "getpid(", "5")},
			"[pid 5] read(0,  <unfinished ...>\n[pid 5] getpid()                        = 5\n"},
		{"a layer's calls within one", Style{}, []ipc.TraceRecord{
			enter(5, read, "read(0, "), {Kind: ipc.TraceCall, Layer: true, TID: 5, Call: getpid, Text: []byte("x.wasm: getpid("), Result: []byte("5")},
			leave(5, read, `"x", 1`, "1")},
			"[pid 5] read(0,  <unfinished ...>\n[pid 5] x.wasm: getpid()                = 5\n[pid 5] <... read resumed>\"x\", 1)       = 1\n"},
		{"a function of another interface", Style{}, []ipc.TraceRecord{
			enter(5, ipc.TraceCalls-1, "env.now(1"), whole(6, getpid, "getpid(", "6"), leave(5, ipc.TraceCalls-1, "", "7")},
			"[pid 5] env.now(1 <unfinished ...>\n[pid 6] getpid()                        = 6\n[pid 5] <... env.now resumed>)          = 7\n"},
		{"execve that came back as a new program", Style{}, []ipc.TraceRecord{
			enter(5, execve, `execve("x", ["x"], 0x5 /* 1 var */`), {Kind: ipc.TraceExec, TID: 5, Call: execve, Text: []byte("execve(other")}},
			"[pid 5] execve(\"x\", [\"x\"], 0x5 /* 1 var */) = 0\n"},
		{"the first program", Style{}, []ipc.TraceRecord{{Kind: ipc.TraceExec, TID: 5, Call: execve, Text: []byte(`execve("/x", ["x"], [/* 1 vars */]`)}},
			"[pid 5] execve(\"/x\", [\"x\"], [/* 1 vars */]) = 0\n"},
		{"exit", Style{}, []ipc.TraceRecord{{Kind: ipc.TraceExit, TID: 5, Text: []byte("exited with 3")}},
			"[pid 5] +++ exited with 3 +++\n"},
		{"epoch", Style{Clock: Epoch}, []ipc.TraceRecord{whole(5, getpid, "getpid(", "5")},
			"[pid 5] 7.500000 getpid()               = 5\n"},
		{"relative", Style{Clock: Relative}, []ipc.TraceRecord{whole(5, getpid, "getpid(", "5"), whole(6, getpid, "getpid(", "5")},
			"[pid 5]      0.000000 getpid()          = 5\n[pid 6]      1.500000 getpid()          = 5\n"},
		{"end in the middle", Style{}, []ipc.TraceRecord{enter(5, read, "read(0, ")}, "[pid 5] read(0,  <unfinished ...>\n"},
		{"summary", Style{Summary: true}, []ipc.TraceRecord{
			{Kind: ipc.TraceCall, Call: getpid, Duration: 1e9}, {Kind: ipc.TraceCall, Call: read, Duration: 2e9, Errno: 4},
			{Kind: ipc.TraceLeave, Call: read, Duration: 1e9}, {Kind: ipc.TraceEnter, Call: wait}},
			"% time     seconds  usecs/call     calls    errors syscall\n" +
				"------ ----------- ----------- --------- --------- ----------------\n" +
				" 75.00    3.000000     1500000         2         1 read\n" +
				" 25.00    1.000000     1000000         1           getpid\n" +
				"------ ----------- ----------- --------- --------- ----------------\n" +
				"100.00    4.000000     1333333         3         1 total\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			p := NewPrinter(&out, test.style)
			for _, r := range test.records {
				p.Add(&r)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("got\n%swant\n%s", out.String(), test.want)
			}
		})
	}
}

// TestEndOnOlderKernels: where nothing can be learnt of a process that has been waited for,
// one is looked at before.
func TestEndOnOlderKernels(t *testing.T) {
	t.Parallel()
	reading, guest, err := NewPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(guest)
	lines, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	defer out.Close()
	r, err := start(reading, NewPrinter(out, Style{}), false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := uint32(cmd.Process.Pid)
	record := append(make([]byte, ipc.TraceHeader), "getpid(1"...)
	ipc.PutTraceHeader(record, &ipc.TraceRecord{Kind: ipc.TraceCall, TID: pid, PID: pid, Call: place(t, "getpid")}, 1)
	if _, err := unix.Write(guest, record); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(lines)
	if line, err := read.ReadString('\n'); err != nil || !strings.Contains(line, "getpid()") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("[pid %d] +++ killed by SIGKILL +++\n", pid)
	if line, err := read.ReadString('\n'); err != nil || line != want {
		t.Errorf("%q, %v, want %q", line, err, want)
	}
}
