// Package vetted names every private thing of the Go runtime and of the wasm engine
// that a helper relies on, and the releases in which somebody has looked at it.
//
// A helper does not start with another release of Go. To vet one: change the toolchain
// line of go.mod and Go below, run the tests of this package, read what has changed of
// the declarations that they name, put the new sums in, and run make test.
// A new wazero is vetted in the same way.
package vetted

import (
	"fmt"
	"runtime"
)

// Go is the release of the Go toolchain that has been vetted.
const Go = "go1.26.8"

// Check returns an error if this program was built by another release.
func Check() error { return check(runtime.Version()) }

func check(version string) error {
	if version != Go {
		return fmt.Errorf("this walisup-helper was built by %s, but relies on the inside of %s; build it with make", version, Go)
	}
	return nil
}

// Private is a declaration that is not for us.
type Private struct {
	Module string // "go", or that of the engine
	File   string
	Name   string // of a type, function, variable or constant, or of an assembly function
	Sum    string // of its text
	Why    string // what we take for granted, and which of our packages does
}

// List is all of them. What package duplicate, interrupt or stubs newly relies on goes here.
var List = []Private{
	// Start.
	{"go", "runtime/rt0_linux_amd64.s", "_rt0_amd64_linux", "41d3697b9308", "stagezero jumps there with the kernel's vector at SP"},
	{"go", "runtime/signal_unix.go", "initsig", "7be5d2a957c8", "cmd/walisup-helper: signals without flags in sigtable are left alone"},
	{"go", "runtime/signal_unix.go", "sigTabT", "756fe658f16c", "cmd/walisup-helper: an element of sigtable has 24 bytes, flags first"},
	{"go", "runtime/sigtab_linux_generic.go", "sigtable", "7b3e02df5475", "cmd/walisup-helper: 65 elements by number"},
	{"go", "runtime/fds_unix.go", "checkfds", "4df5ada9ec00", "stagezero: opens /dev/null in place of closed standard descriptors"},
	{"go", "runtime/runtime1.go", "dbgvars", "1a9873246d38", "stagezero: the settings asyncpreemptoff, containermaxprocs and updatemaxprocs"},
	{"go", "syscall/rlimit.go", "init", "37595d391c76", "stagezero: raises RLIMIT_NOFILE before main"},

	// Threads.
	{"go", "runtime/runtime2.go", "m", "1acde7cde968", "interrupt: m.tls has words that the runtime does not use on Linux"},
	{"go", "runtime/runtime2.go", "allm", "aabc76734cae", "mlist: the head of the list of threads"},
	{"go", "runtime/proc.go", "mcommoninit", "58ee8d198e08", "mlist: a thread is on the list before the kernel makes it"},
	{"go", "runtime/proc.go", "mexit", "efa0dd4bcbe0", "mlist: a thread leaves the list only when its goroutine ends while locked to it"},
	{"go", "runtime/runtime2.go", "tlsSlots", "bfc89d6c3fe3", "interrupt: and there are six"},
	{"go", "runtime/runtime2.go", "g", "b0ebbeb036af", "duplicate: stackguard0 at 16"},
	{"go", "runtime/stack.go", "stackPreempt", "082a3e78b253", "duplicate: the stack guard that asks to yield"},
	{"go", "runtime/sys_linux_amd64.s", "runtime·settls", "f8af2c0ae297", "interrupt, stubs: FS points to the second word of m.tls"},
	{"go", "runtime/sys_linux_amd64.s", "runtime·futex", "5e248806db7f", "duplicate: how a thread sleeps, by registers"},
	{"go", "runtime/sys_linux_amd64.s", "runtime·usleep", "19a0223a4bca", "duplicate: likewise; sysmon alone sleeps so"},
	{"go", "runtime/sys_linux_amd64.s", "runtime·clone", "ffa17bf3155d", "duplicate, osthread: no set_tid_address, no robust list, no rseq"},
	{"go", "runtime/os_linux.go", "futexsleep", "bc8497997628", "duplicate: private futexes"},
	{"go", "runtime/os_linux.go", "minit", "d791413ae332", "osthread: what a new thread sets up: signal stack, mask, procid"},
	{"go", "runtime/proc.go", "entersyscall", "5ce708aecb3b", "duplicate, osthread: gives up the P, and shows a request to yield in the stack guard"},
	{"go", "runtime/proc.go", "exitsyscall", "4a20a817e2b9", "duplicate, osthread"},
	{"go", "runtime/proc.go", "sysmon", "76dc635ce195", "duplicate: holds no P while it sleeps"},
	{"go", "runtime/signal_unix.go", "sighandler", "2d98bd00a0c0", "safecopy: faults in Go code end there"},
	{"go", "runtime/sys_linux_amd64.s", "runtime·sigtramp", "091b4c389966", "interrupt: the handler that ours goes on to"},

	// The engine: the fields that package layout finds by name, and what code expects.
	{engineModule, "internal/engine/wazevo/call_engine.go", "callWithStack", "51843a5bd96e", "stubs, jump: the loop around compiled code, what it reads when"},
	{engineModule, "internal/engine/wazevo/engine.go", "executables", "e158d877bf2c", "wazero: setCode"},
	{engineModule, "internal/engine/wazevo/engine_cache.go", "deserializeCompiledModule", "5dbb7b232852", "wazero: the form of a cache entry"},
	{engineModule, "internal/engine/wazevo/engine_cache.go", "serializeCompiledModule", "ddd992c32450", "engine: likewise"},
	{engineModule, "internal/engine/wazevo/hostmodule.go", "hostModuleGoFuncFromOpaque", "d3caf9c8c0f1", "stubs: how a host function is found"},
	{engineModule, "internal/engine/wazevo/wazevoapi/exitcode.go", "ExitCodeMask", "0b0a78e6fb26", "stubs: the code in the low byte, the function's index above"},
	{engineModule, "internal/engine/wazevo/backend/isa/amd64/abi_entry_amd64.s", "·entrypoint", "e66dbd64d71e", "stubs: registers at the entry of compiled code"},
	{engineModule, "internal/engine/wazevo/backend/isa/amd64/abi_entry_amd64.s", "·afterGoFunctionCallEntrypoint", "b40c81f4408c", "stubs: and after a host call; the execution context in AX"},
	{engineModule, "internal/engine/wazevo/backend/isa/amd64/machine_pro_epi_logue.go", "setupPrologue", "8a34d1b36914", "jump, stack traces: every function has a frame with the caller's RBP"},
	{engineModule, "internal/engine/wazevo/backend/isa/amd64/abi_go_call.go", "CompileGoFunctionTrampoline", "120a058af61e", "stubs, jump: the frame of a host call"},
	{engineModule, "internal/engine/wazevo/backend/isa/amd64/stack.go", "GoCallStackView", "1d11fe41b9ea", "jump: where arguments and results are"},
	{engineModule, "internal/engine/wazevo/wazevoapi/offsetdata.go", "FunctionInstanceSize", "fbd7e788bced", "patches: constants that compiled code knows"},
	{engineModule, "internal/wasm/memory.go", "NewMemoryInstance", "add8ade84325", "wazero: the allocator gives the memory"},
}

const engineModule = "github.com/tetratelabs/wazero"
