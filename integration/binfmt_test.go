package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBinfmt registers walisup with the binfmt_misc of a user namespace, which
// concerns nobody else, and has the kernel start a module.
func TestBinfmt(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	source := filepath.Join(t.TempDir(), "show.c")
	const text = `
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
	for (int i = 0; i < argc; i++) printf("[%s]", argv[i]);
	printf(" %s\n", getenv("SHOWN"));
	return 3;
}`
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	module := buildC(t, source).module
	cases := []struct{ name, script, want string }{
		{"before", `walisup binfmt --status 2>&1; echo $?`,
			"walisup: binfmt: walisup is not registered with binfmt_misc\n1\n"},
		{"unregister nothing", `walisup binfmt --unregister 2>&1; echo $?`,
			"walisup: binfmt: walisup is not registered with binfmt_misc\n125\n"},
		{"start", `walisup binfmt --register && SHOWN=yes ./show one 'two words' ''; echo $?`,
			"[./show][one][two words][] yes\n3\n"},
		{"argv[0]", `walisup binfmt --register && (exec -a -other ./show -h --argv0); echo $?`,
			"[-other][-h][--argv0] (null)\n3\n"},
		{"search", `walisup binfmt --register && PATH=$PATH:. && show; echo $?`, "[show] (null)\n3\n"},
		{"script", `walisup binfmt --register && printf '#!./show argument\n' >s && chmod 755 s && ./s x; echo $?`,
			"[./show][argument][./s][x] (null)\n3\n"},
		{"flags from the environment", `walisup binfmt --register && WALISUP_ARGV0=lost WALISUP_WORKDIR=/none ./show 2>&1; echo $?`,
			"walisup: working directory /none: no such file or directory\n125\n"},
		{"status", `walisup binfmt --register && walisup binfmt --status | head -n 1; walisup binfmt --unregister; ls ` + binfmtFolder,
			"enabled\nregister\nstatus\n"},
		{"twice", `walisup binfmt --register && walisup binfmt --register && ./show`, "[./show] (null)\n"},
		{"line", `walisup binfmt >` + binfmtFolder + `/register && ./show`, "[./show] (null)\n"},
		{"unregistered", `walisup binfmt --register && walisup binfmt --unregister && ./show 2>/dev/null; echo $?`, "126\n"},
		{"read-only", `mount -o remount,ro ` + binfmtFolder + `; walisup binfmt --register 2>&1; echo $?`,
			"walisup: binfmt: register: " + binfmtFolder + " is mounted read-only here, as in most containers; do it on the host\n125\n"},
		{"not a module", `walisup binfmt --register && printf '\0asm\1\0\0\0junk' >bad && chmod 755 bad && ./bad 2>/dev/null; echo $?`, "126\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			data, err := os.ReadFile(module)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "show"), data, 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := binfmtScript(t, c.script)
			cmd.Dir = dir
			out, err := cmd.Output()
			if text := string(out); text != c.want {
				t.Errorf("%q, %v, want %q", text, err, c.want)
			}
		})
	}
}

const binfmtFolder = "/proc/sys/fs/binfmt_misc"

// binfmtScript returns a command that runs a bash script where binfmt_misc is
// freshly mounted and nothing registered. It skips the test where that cannot be.
func binfmtScript(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	command := func(script string) *exec.Cmd {
		cmd := exec.Command("bash", "-c", script)
		cmd.Env = append(baseEnv(), "PATH="+filepath.Dir(walisupPath())+":/usr/sbin:/usr/bin:/sbin:/bin")
		cmd.Stderr = &testLog{t}
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		return cmd
	}
	mount := fmt.Sprintf("mount -t binfmt_misc binfmt_misc %s && test -e %s/register && ", binfmtFolder, binfmtFolder)
	if err := command(mount + "true").Run(); err != nil {
		t.Skipf("no binfmt_misc of our own in a user namespace (Linux 6.7 and newer have it): %v", err)
	}
	return command(mount + strings.TrimSpace(script))
}

// TestBinfmtWithoutPrivilege: who may not register is told so.
func TestBinfmtWithoutPrivilege(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	if os.Getuid() == 0 {
		t.Skip("root may register, and would")
	}
	out, err := exec.Command(walisupPath(), "binfmt", "--register").CombinedOutput()
	if text := string(out); err == nil || !strings.Contains(text, "only root may") && !strings.Contains(text, "mount") {
		t.Errorf("%v: %s", err, text)
	}
}
