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

// TestBinfmtFixed registers the helper itself, which the kernel keeps open: it has to start where
// there is no walisup, no /proc and no supervisor.
func TestBinfmtFixed(t *testing.T) {
	t.Parallel()
	needWalisup(t)
	show := buildC(t, "testdata/containers/show.c").module
	shell := port(t, "dash", "dash").module
	// A root with modules, and a native program that needs no libraries.
	const setUp = `walisup binfmt --register --fix-binary && mkdir r && mount -t tmpfs none r &&
		mkdir r/bin r/tmp && cp show r/bin/show && cp sh r/bin/sh && cp "$(command -v walisup)" r/bin/native &&
		cd r && inside() { local s=$1; shift; chroot . /bin/sh -c "PATH=/bin; export PATH; $s" "$@"; }; `
	const args = `grep -a ^args`
	cases := []struct{ name, script, want string }{
		{"line", `walisup binfmt --fix-binary >` + binfmtFolder + `/register && ./show exit 4 | ` + args, "args [./show] [exit] [4]\n"},
		{"status", `walisup binfmt --register --fix-binary && walisup binfmt --status | grep -c -e "^interpreter $(command -v walisup-helper)$" -e "^flags: POF$" &&
			walisup binfmt --status --fix-binary >/dev/null; echo $?`, "2\n0\n"},
		{"status of the other way", `walisup binfmt --register && walisup binfmt --status >/dev/null && walisup binfmt --status --fix-binary 2>&1 >/dev/null; echo $?`,
			"walisup: binfmt: the registration is without --fix-binary\n1\n"},
		{"in place of the other", `walisup binfmt --register && walisup binfmt --register --fix-binary && walisup binfmt --register && walisup binfmt --status | grep flags`, "flags: P\n"},
		{"arguments", `walisup binfmt --register --fix-binary && ./show exit 7 'two words' '' >out; echo $?; ` + args + ` out`,
			"7\nargs [./show] [exit] [7] [two words] []\n"},
		{"argv[0]", `walisup binfmt --register --fix-binary && (exec -a -other ./show -- --cache=/x) | ` + args, "args [-other] [--] [--cache=/x]\n"},
		{"search", `walisup binfmt --register --fix-binary && PATH=$PATH:. && show | ` + args, "args [show]\n"},
		{"command line", `walisup binfmt --register --fix-binary && ./show 1 | grep -a cmdline`, "cmdline ./show 1 \n"},
		{"script", `walisup binfmt --register --fix-binary && printf '#!./show argument\n' >s && chmod 755 s && ./s x | ` + args,
			"args [./show] [argument] [./s] [x]\n"},
		{"signal", `walisup binfmt --register --fix-binary && ./show raise 15 >/dev/null; echo $?`, "143\n"},
		{"not a module", `walisup binfmt --register --fix-binary && printf '\0asm\1\0\0\0junk' >bad && chmod 755 bad && ./bad 2>&1 >/dev/null | grep -c bad; ./bad 2>/dev/null; echo $?`, "1\n126\n"},
		{"native program", setUp + `chroot . /bin/native version | grep -c ^walisup; inside '/bin/native version' 2>/dev/null; echo $?`, "1\n126\n"},
		{"unreadable", `walisup binfmt --register --fix-binary && chmod 111 show && setpriv --bounding-set=-all --inh-caps=-all sh -c './show exit 5; echo $?' 2>&1`,
			"walisup: ./show: who may not read a module cannot run it: permission denied\n126\n"},
		{"chroot", setUp + `inside 'echo "$0 $*"; ls; echo $?; exit 9' zero one 2>/dev/null; echo $?`, "zero one\n127\n9\n"},
		{"chroot: pipes and processes", setUp + `inside 'x=$(echo a | while read y; do echo $y$y; done); (exit 3); echo $x $?; /bin/sh -c "kill -9 \$\$"; echo $?' 2>/dev/null`,
			"aa 3\n137\n"},
		{"chroot: fork and exec", setUp + `inside '/bin/show children; echo $?' 2>&1 | grep -a -e ^args -e ^child -e '^[0-9]'`,
			"args [/bin/show] [children]\nchild 0 ended with 0\nchild 1 ended with 1\nchild 2 ended with 2\nargs [/bin/show] [exit] [5]\n5\n"},
		{"chroot: script", setUp + `printf '#!/bin/sh -e\necho $0 $1; exec show exit 2\n' >script && chmod 755 script && inside '/script x; echo $?' | grep -a -e script -e ^args -e '^2$'`,
			"/script x\nargs [show] [exit] [2]\n2\n"},
		{"chroot: read-only", setUp + `mount -o remount,ro none . && inside 'echo x >/tmp/x' 2>/dev/null; echo $?; inside 'echo y | (read a; echo $a)'`, "2\ny\n"},
		{"the helper is gone", `mkdir p && cp "$(command -v walisup)" "$(command -v walisup-helper)" p && p/walisup binfmt --register --fix-binary &&
			rm -r p && ./show | ` + args, "args [./show]\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, source := range map[string]string{"show": show, "sh": shell} {
				data, err := os.ReadFile(source)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o755); err != nil {
					t.Fatal(err)
				}
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
