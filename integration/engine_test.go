package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"walisup/helper/engine/wazero/enginetest"
)

// nativeModules guards modules that native code is being made of, and counts what came of it:
// by the reason why there is none, or "".
var (
	nativeModules sync.Map // path to func() (string, error)
	nativeCounts  = map[string]int{}
	nativeMutex   sync.Mutex
)

// onNative says whether all tests are to run on native code.
func onNative() bool { return os.Getenv("WALISUP_TEST_ENGINE") == "native" }

// nativeSummary tells how many modules had native code, and why others had none.
func nativeSummary() {
	var lines []string
	for reason, n := range nativeCounts {
		if reason == "" {
			reason = "have native code"
		}
		lines = append(lines, fmt.Sprintf("native code: %4d modules %s", n, reason))
	}
	slices.Sort(lines)
	fmt.Println(strings.Join(lines, "\n"))
}

// countNative notes what came of making native code. Reasons are the same for all functions.
func countNative(module, output string, err error) {
	reason := strings.ReplaceAll(output, module, "")
	if err != nil {
		reason += " (" + err.Error() + ")"
	}
	reason = regexp.MustCompile(`walisup: :? ?|function \d+: `).ReplaceAllString(reason, "")
	nativeMutex.Lock()
	defer nativeMutex.Unlock()
	nativeCounts[reason]++
}

// needLLVM skips a test that makes native code where LLVM's programs are not installed.
func needLLVM(tb testing.TB) {
	tb.Helper()
	for _, tool := range []string{"opt-22", "llc-22", "llvm-mc-22", "ld.lld-22"} {
		if _, err := exec.LookPath(tool); err != nil {
			tb.Skipf("%s is not installed: install llvm-22 and lld-22", tool)
		}
	}
}

// nativeCode makes native code of a module if WALISUP_TEST_ENGINE is "native", so that all
// tests run on that: a start without --engine takes it. Modules that stay with the other
// engine, and those that are made to be refused, are run as ever.
func nativeCode(tb testing.TB, module string) {
	tb.Helper()
	if !onNative() {
		return
	}
	needLLVM(tb)
	made, _ := nativeModules.LoadOrStore(module, sync.OnceValues(func() (string, error) {
		output, err := makeNative(module)
		countNative(module, output, err)
		return output, err
	}))
	if output, err := made.(func() (string, error))(); err != nil || output != "" {
		tb.Logf("native code of %s: %v\n%s", module, err, output)
	}
}

// makeNative puts native code of a module into the tests' cache. The output says why, if
// there is none.
func makeNative(module string, flags ...string) (output string, err error) {
	cmd := exec.Command(walisupPath(), append(append([]string{"compile", "--native"}, flags...), module)...)
	cmd.Env = append(baseEnv(), "PATH="+os.Getenv("PATH"))
	text, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(text)), err
}

// forEngine returns the call with a flag that chooses the engine.
func (i invocation) forEngine(engine string) invocation {
	i.flags = append(slices.Clone(i.flags), "--engine", engine)
	return i
}

// nativePrograms are programs of testdata/c that TestNativePrograms runs: what an engine can do
// wrong in calls, traps, jumps, signals, processes and threads.
var nativePrograms = []string{
	"calls", "exec", "fault_codes", "fork", "hammer", "loading", "math", "nested_jumps", "numbers", "processes", "setjmp",
	"signal_hammer", "signal_overflow", "signal_storm", "signals", "thread_end", "thread_fork", "thread_signal", "thread_vfork",
	"threads", "traps", "variadic",
}

// TestNativePrograms compares programs in native code with their native builds.
func TestNativePrograms(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	needLLVM(t)
	for _, name := range nativePrograms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, program := cProgram(t, filepath.Join("testdata/c", name+".c"))
			mustMakeNative(t, program.module)
			p.call = p.call.forEngine("native")
			p.compare(t, program)
		})
	}
}

// mustMakeNative makes native code of a module that the compiler takes.
func mustMakeNative(t *testing.T, module string) {
	t.Helper()
	if output, err := makeNative(module); err != nil || output != "" {
		t.Fatalf("native code of %s: %v\n%s", module, err, output)
	}
}

// TestNativeInterrupted lets signals come at any instruction of native code, which must not
// change what it computes.
func TestNativeInterrupted(t *testing.T) {
	t.Parallel()
	needLLVM(t)
	program := buildC(t, "testdata/engine/interrupted.c")
	mustMakeNative(t, program.module)
	native := program.runNative(t, invocation{})
	for _, every := range []string{"0", "1000", "50"} {
		guest := program.runGuest(t, invocation{args: []string{every}}.forEngine("native"))
		t.Logf("every %s us: %s", every, guest.stderr)
		guest.stderr = native.stderr
		compare(t, native, guest)
	}
}

// TestEngineFlag shows which engine runs a module, by what start says where there is no
// native code.
func TestEngineFlag(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	needLLVM(t)
	program := buildC(t, "testdata/c/arguments.c")
	cache := t.TempDir() + "/cache"
	start := func(engine string, flags ...string) outcome {
		return program.runGuest(t, invocation{flags: append([]string{"--cache", cache, "--engine", engine}, flags...)})
	}
	refused := start("native")
	if refused.status != 125 || !strings.Contains(refused.stderr, "walisup compile --native") {
		t.Errorf("without native code --engine native ends with status %d and says %q", refused.status, refused.stderr)
	}
	want := start("wazero")
	for _, engine := range []string{"auto", "native", "wazero"} {
		if output, err := makeNative(program.module, "--cache", cache); err != nil || output != "" {
			t.Fatalf("native code: %v %s", err, output)
		}
		if got := start(engine); got.status != want.status || got.stdout != want.stdout || got.stderr != want.stderr {
			t.Errorf("--engine %s: status %d, output %q and %q, want %d, %q and %q", engine, got.status, got.stdout, got.stderr,
				want.status, want.stdout, want.stderr)
		}
	}
	for _, wrong := range []outcome{start("fast"), start("native", "--no-cache")} {
		if wrong.status != 125 || !strings.Contains(wrong.stderr, "--engine") {
			t.Errorf("a wrong --engine ends with status %d and says %q", wrong.status, wrong.stderr)
		}
	}
}

// TestNativeRefused has a module stay with the other engine whose instructions the compiler of
// native code does not know.
func TestNativeRefused(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	needLLVM(t)
	const i = enginetest.I32
	const call, drop, null, tableSet = 0x10, 0x1a, 0xd0, 0x26
	a := enginetest.Assembler{Memory: []byte{1, 2, 2}, Tables: [][]byte{{enginetest.FuncRef, 0, 1}}}
	exit := a.Import("wali", "SYS_exit_group", a.Type([]byte{i}, []byte{enginetest.I64}))
	a.Function("_start", a.Type(nil, nil), nil, enginetest.Code(enginetest.I32Const(0), null, enginetest.FuncRef, tableSet, 0,
		enginetest.I32Const(3), call, exit, drop)...)
	program := pair{name: "table", module: filepath.Join(t.TempDir(), "table.wasm")}
	if err := os.WriteFile(program.module, a.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	output, err := makeNative(program.module)
	if err != nil || !strings.Contains(output, "stays with wazero") || !strings.Contains(output, "opcode 0x26") {
		t.Fatalf("compile --native: %v, %q", err, output)
	}
	if guest := program.runGuest(t, invocation{}); guest.status != 3 {
		t.Errorf("status %d, %s", guest.status, guest.stderr)
	}
	if guest := program.runGuest(t, invocation{}.forEngine("native")); guest.status != 125 {
		t.Errorf("--engine native: status %d", guest.status)
	}
}

// TestNativeTailCall has two functions call each other deeper than any stack.
func TestNativeTailCall(t *testing.T) {
	t.Parallel()
	needLLVM(t)
	walicc := filepath.Join(root, "bin", "walicc")
	need(t, walicc, "run make build")
	program := pair{name: "tail_call", module: compileC(t, walicc, "testdata/engine/tail_call.c", ".wasm", []string{"-mtail-call"})}
	mustMakeNative(t, program.module)
	guest := program.runGuest(t, invocation{}.forEngine("native"))
	if guest.status != 0 || guest.stdout != "1000001\n" {
		t.Errorf("status %d, output %q, %s", guest.status, guest.stdout, guest.stderr)
	}
}

// TestNativeExceptions compares what a program with exceptions does in both engines.
func TestNativeExceptions(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	needLLVM(t)
	need(t, filepath.Join(root, ".cache", "sysroot", "stamp"), "run make sysroot")
	flags := []string{"-nostdinc++", "-fno-rtti", "-O2"}
	program := pair{name: "engine", module: compileC(t, filepath.Join(root, "bin", "walicc"), "testdata/cxx/engine.cc", ".wasm", flags)}
	mustMakeNative(t, program.module)
	want, got := program.runGuest(t, invocation{}.forEngine("wazero")), program.runGuest(t, invocation{}.forEngine("native"))
	if got.status != want.status || got.stdout != want.stdout || !strings.Contains(got.stderr, "uncaught exception") {
		t.Errorf("status %d, want %d; %s; %s", got.status, want.status, difference(want.stdout, got.stdout), got.stderr)
	}
}

// TestPortNativeCXX runs the C++ programs of TestPortCXX in native code.
func TestPortNativeCXX(t *testing.T) {
	t.Parallel()
	needLLVM(t)
	for name, call := range map[string]invocation{
		"exceptions": {}, "library": {args: []string{"a", "last"}, stdin: "some words\n"}, "uncaught": {args: []string{"thread"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := buildCXX(t, "testdata/cxx/"+name+".cc")
			mustMakeNative(t, program.module)
			got := program.runGuest(t, call.forEngine("native"))
			if want := program.runGuest(t, call.forEngine("wazero")); got.status != want.status || got.stdout != want.stdout {
				t.Errorf("status %d, want %d; %s; %s", got.status, want.status, difference(want.stdout, got.stdout), got.stderr)
			}
		})
	}
}

// TestNativeCompileInterrupted ends walisup while LLVM works: nothing of that remains.
func TestNativeCompileInterrupted(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	needLLVM(t)
	module := port(t, "lua5.4", "lua").module
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command(walisupPath(), "compile", "--native", "--cache", t.TempDir(), module)
			cmd.Env = append(baseEnv(), "PATH="+os.Getenv("PATH"), "TMPDIR="+dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "LLVM works", func() bool { return len(workingIn(t, dir)) > 0 })
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != sig {
				t.Errorf("walisup ended with %v", cmd.ProcessState)
			}
			eventually(t, "LLVM has ended", func() bool { return len(workingIn(t, dir)) == 0 })
			if left, _ := os.ReadDir(dir); sig != syscall.SIGKILL && len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// workingIn lists the processes whose working directory lies beneath dir.
func workingIn(t *testing.T, dir string) (pids []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir+"/") {
			pids = append(pids, link)
		}
	}
	return pids
}

// TestNativeUnaligned has atomic accesses to addresses that are no multiples of their size
// trap in native code as with the other engine. Processors carry most of them out.
func TestNativeUnaligned(t *testing.T) {
	t.Parallel()
	needLLVM(t)
	walicc := filepath.Join(root, "bin", "walicc")
	need(t, walicc, "run make build")
	program := pair{name: "unaligned", module: compileC(t, walicc, "testdata/engine/unaligned.c", ".wasm", []string{"-O1"})}
	mustMakeNative(t, program.module)
	for _, access := range []string{"load", "store", "add", "swap", "compare"} {
		for _, size := range []string{"int16_t", "int32_t", "int64_t"} {
			for _, where := range []string{"aligned", "unaligned"} {
				call := invocation{args: []string{access + "_" + size, where}}
				want := 0
				if where == "unaligned" {
					want = 128 + int(syscall.SIGBUS)
				}
				for _, engine := range []string{"wazero", "native"} {
					if got := program.runGuest(t, call.forEngine(engine)); got.status != want {
						t.Errorf("%s of %s, %s: %s ends with status %d, want %d; %s%s", access, size, where, engine, got.status, want, got.stdout, got.stderr)
					}
				}
			}
		}
	}
}
