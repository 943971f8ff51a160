package integration

import "testing"

// TestNativeProgramIsRefused tries what must not be possible by default.
func TestNativeProgramIsRefused(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/processes/native.c")
	for _, path := range []string{"/bin/echo", "script"} {
		got := program.runGuest(t, invocation{
			args:  []string{"plain", path, "x"},
			files: map[string]string{"script": "#!/bin/echo\n"},
		})
		if got.status != 1 || got.stdout != "errno 13\n" {
			t.Errorf("%s: status %d, output %q, want EACCES", path, got.status, got.stdout)
		}
	}
}

// TestNativeExec executes native programs where that is allowed: they must find
// what they would find had a native program executed them.
func TestNativeExec(t *testing.T) {
	t.Parallel()
	program := buildC(t, "testdata/processes/native.c")
	for name, args := range map[string][]string{
		"echo":      {"plain", "/bin/echo", "two words", ""},
		"status":    {"plain", "/bin/sh", "-c", "exit 9"},
		"signals":   {"signals", "/bin/grep", "-E", "^(SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt)", "/proc/self/status"},
		"limits":    {"limits", "/bin/sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -Ss; ulimit -Hs"},
		"files":     {"files", "/bin/ls", "/proc/self/fd"},
		"script":    {"plain", "./script", "arg"},
		"missing":   {"plain", "/nonexistent"},
		"no format": {"plain", "text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := invocation{args: args, flags: []string{"--native-exec", "--seccomp", "none"}, files: map[string]string{"text": "text"}}
			if name == "script" {
				call.args = []string{"plain", "/bin/sh", "-c", "printf '#!/bin/echo by\\n' > s; chmod +x s; ./s arg"}
			}
			native, guest := program.runNative(t, call), program.runGuest(t, call)
			compare(t, native, guest)
		})
	}
}
