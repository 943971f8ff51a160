package compilation

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRestrictedProgram runs the test program with the rights of a compiling helper
// and has it say what it can do.
func TestRestrictedProgram(t *testing.T) {
	if os.Getenv("RESTRICTED") != "" {
		tryEverything()
		os.Exit(0)
	}
	program := self(t)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var out []byte
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends here
		cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", program), "-test.run=^TestRestrictedProgram$")
		cmd.Env = []string{"RESTRICTED=" + server.Addr().String()}
		// The null device cannot be opened any more.
		var read, write *os.File
		if read, write, err = os.Pipe(); err != nil {
			return
		}
		defer read.Close()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = read, write, write
		if err = restrictThread(program); err != nil {
			return
		}
		if err = cmd.Start(); err == nil {
			write.Close()
			buf := make([]byte, 1<<16)
			for n := 1; n > 0; {
				n, _ = read.Read(buf)
				out = append(out, buf[:max(n, 0)]...)
			}
			err = cmd.Wait()
		}
	}()
	<-done
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "no new privileges\n"
	if os.Geteuid() == 0 {
		want += fmt.Sprintf("capabilities %x\n", 1<<unix.CAP_SYS_CHROOT)
	} else {
		want += "capabilities 0\n"
	}
	// Said by a test program that was built with -cover.
	text := strings.ReplaceAll(string(out), "warning: GOCOVERDIR not set, no coverage data emitted\n", "")
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); e != 0 {
		t.Log("this kernel has no Landlock")
		text = regexp.MustCompile(`(?m)^can .*\n`).ReplaceAllString(text, "")
	}
	if text != want {
		t.Errorf("it says\n%swant\n%s", text, want)
	}
}

// tryEverything prints the process's rights and what it can do with them.
func tryEverything() {
	if r, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && r == 1 {
		fmt.Println("no new privileges")
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("capabilities %x\n", uint64(have[1].Permitted)<<32|uint64(have[0].Permitted))
	for _, name := range []string{"/etc/passwd", "/proc/self/status", "/", "/dev/null"} {
		if _, err := os.Open(name); err == nil {
			fmt.Println("can open", name)
		}
	}
	if err := os.WriteFile("/tmp/walisup-restricted", nil, 0o600); err == nil {
		fmt.Println("can write")
	}
	if c, err := net.Dial("tcp", os.Getenv("RESTRICTED")); err == nil {
		fmt.Println("can connect to", c.RemoteAddr())
	}
	if err := unix.Kill(unix.Getppid(), 0); err == nil {
		fmt.Println("can signal its parent")
	}
	if err := exec.Command("/bin/true").Run(); err == nil || !strings.Contains(err.Error(), "permission") {
		fmt.Println("can execute:", err)
	}
}
