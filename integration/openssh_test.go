package integration

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPortOpenSSH has the system's ssh log in to sshd with a key, run commands, pipe data
// both ways, and get an interactive bash with job control. sshd separates privileges, which
// takes root. The account has its shell from a passwd file that only this test sees.
func TestPortOpenSSH(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("sshd wants to be root")
	}
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("no ssh to log in with: apt-get install openssh-client")
	}
	if out, err := exec.Command("unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %s", out)
	}
	for _, s := range sides {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			host := startSSHD(t, s)
			login := func(args ...string) []string {
				return append([]string{ssh, "-F", "none", "-p", host.port, "-i", host.key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
					"-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + host.known, "-o", "LogLevel=ERROR"}, args...)
			}
			for _, c := range []struct {
				command, stdin, stdout string
				status                 int
			}{
				{"echo hello from $0; exit 7", "", "hello from bash\n", 7},
				{"type kill; echo error >&2; kill -TERM $$", "", "kill is a shell builtin\n", 255},
				{"while read -r line; do echo \"<$line>\"; done", "one\ntwo\n", "<one>\n<two>\n", 0},
				{"cd / && (echo sub; exit 3) | while read -r x; do echo $x $PWD; done; echo ${PIPESTATUS[0]}", "", "sub /\n3\n", 0},
			} {
				var stdout, stderr bytes.Buffer
				argv := login("root@127.0.0.1", c.command)
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.stdin), &stdout, &stderr
				if status := runBounded(t, cmd); status != c.status || !strings.HasSuffix(stdout.String(), c.stdout) {
					t.Errorf("%s: status %d, %q, want %d, %q; standard error %q", c.command, status, stdout.String(), c.status, c.stdout, stderr.String())
				}
			}
			// Much data, both ways at once.
			big := strings.Repeat("0123456789abcdef", 1<<16)
			argv := login("root@127.0.0.1", `while IFS= read -r -N 65536 block; do printf %s "$block"; done`)
			if got := output(t, strings.NewReader(big), argv...); got != big {
				t.Errorf("%d bytes came back of %d", len(got), len(big))
			}
			// Before the login, the part that listens to a client is nobody.
			stranger := dial(t, host.port)
			if _, err := io.WriteString(stranger, "SSH-2.0-test\r\n"); err != nil {
				t.Error(err)
			}
			banner := make([]byte, 8)
			if _, err := io.ReadFull(stranger, banner); err != nil || string(banner) != "SSH-2.0-" {
				t.Errorf("banner %q: %v", banner, err)
			}
			eventually(t, "a process of nobody's", func() bool { return hasUser(t, host.cmd.Process.Pid, 65534) })
			stranger.Close()

			// Another key does not open the door.
			argv = login("root@127.0.0.1", "echo in")
			argv[slices.Index(argv, host.key)] = host.stranger
			if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
				t.Errorf("a stranger's key: %q, %v", out, err)
			}

			term := newTerminal(t, login("-tt", "root@127.0.0.1"), "TERM=dumb")
			const prompt = `(?s).*READY> $`
			term.expect(`.*[#$] $`)
			for _, step := range []struct{ send, expect string }{
				{"PS1='READY''> '\n", prompt},
				{"echo $((6 * 7)) $-\n", `42 .*i.*` + prompt},
				{"while :; do read -t 0.05 x; done\n", `\n`},
				{"\x03", prompt},
				{"(echo GO; while :; do read -t 0.05 <> /dev/zero; done)\n", `\nGO`},
				{"\x1a", `Stopped` + prompt},
				{"bg; jobs\n", `Running` + prompt},
				{"kill %1; wait; echo status $?\n", `status [0-9]+` + prompt},
			} {
				term.send(step.send)
				term.expect(step.expect)
			}
			term.send("exit 5\n")
			if status := term.wait(); status != 5 {
				t.Errorf("the session ends with %d, want 5", status)
			}
			host.expect(`Accepted publickey for root`)
			host.stop(unix.SIGTERM)
		})
	}
}

// hasUser tells whether a process below an ancestor runs as a user.
func hasUser(tb testing.TB, ancestor, uid int) bool {
	tb.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		tb.Fatal(err)
	}
	parents, candidates := map[string]string{}, []string{}
	for _, file := range files {
		text, _ := os.ReadFile(file) // the process may have ended
		pid := filepath.Base(filepath.Dir(file))
		_, rest, _ := strings.Cut(string(text), "\nPPid:\t")
		parents[pid], _, _ = strings.Cut(rest, "\n")
		if strings.Contains(rest, fmt.Sprintf("\nUid:\t%d\t%[1]d\t", uid)) {
			candidates = append(candidates, pid)
		}
	}
	return slices.ContainsFunc(candidates, func(pid string) bool {
		for range len(parents) {
			if pid == strconv.Itoa(ancestor) {
				return true
			}
			pid = parents[pid]
		}
		return false
	})
}

// sshHost is a running sshd and what a client needs for it.
type sshHost struct {
	*server
	port, key, stranger, known string
}

// TestPortOpenSSHClients has the clients of both builds use the sshd of both: sessions, an agent,
// copies, a connection that several share. Shells and tools are of the same build as who starts them.
func TestPortOpenSSHClients(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("sshd wants to be root")
	}
	if out, err := exec.Command("unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %s", out)
	}
	script, err := os.ReadFile("testdata/openssh-client.sh")
	if err != nil {
		t.Fatal(err)
	}
	bash := port(t, "bash", "bash")
	tools := newToolbox(t)
	tools.add(t, "openssh")
	for _, s := range sides {
		t.Run(s.name+" sshd", func(t *testing.T) {
			t.Parallel()
			path := tools.native
			if s.name == "guest" {
				path = tools.guest
			}
			host := startSSHD(t, s, "SetEnv PATH="+path, "Subsystem sftp "+path+"/sftp-server")
			read := func(file string) string {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			known := read(host.known)
			_, key, _ := strings.Cut(known, " ")
			native, guest := tools.run(t, bash, invocation{
				args: []string{"script"},
				env:  []string{"PORT=" + host.port},
				files: map[string]string{
					"script": string(script),
					"id":     read(host.key),
					"known":  known + "other " + key,
					"config": fmt.Sprintf(`Host h
	HostName 127.0.0.1
	Port %s
	User root
	UserKnownHostsFile known
	GlobalKnownHostsFile none
	StrictHostKeyChecking yes
	BatchMode yes
	LogLevel ERROR
`, host.port),
				},
			})
			compare(t, native, guest)
			if !strings.Contains(native.stdout, "through the first\n") {
				t.Errorf("the native client says %q and %q", native.stdout, native.stderr)
			}
			host.stop(unix.SIGTERM)
		})
	}
}

// startSSHD starts an sshd with a key for the client, and further lines of configuration.
func startSSHD(t *testing.T, s side, config ...string) *sshHost {
	t.Helper()
	sshd, keygen := furtherPort(t, "openssh", "sshd"), furtherPort(t, "openssh", "ssh-keygen")
	bash := port(t, "bash", "bash")
	dir := t.TempDir()
	h := &sshHost{port: freePort(t), key: filepath.Join(dir, "id"), stranger: filepath.Join(dir, "other"), known: filepath.Join(dir, "known")}
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, key := range []string{h.key, h.stranger, filepath.Join(dir, "host")} {
		cmd := s.cmd(keygen, "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)
		cmd.Env = baseEnv()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	public := func(key string) string {
		text, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write("known", fmt.Sprintf("[127.0.0.1]:%s %s", h.port, public(filepath.Join(dir, "host"))), 0o644)
	write("authorized", public(h.key), 0o600)
	shell := bash.native
	if s.name == "guest" {
		shell = bash.module
	}
	// The shell sees the name in its argv[0].
	named := filepath.Join(dir, "bash")
	if err := os.Symlink(shell, named); err != nil {
		t.Fatal(err)
	}
	passwd := write("passwd", fmt.Sprintf("root:x:0:0:root:%s:%s\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n", dir, named), 0o644)
	shadow := write("shadow", "root:*:19000:0:99999:7:::\n", 0o600)
	file := write("sshd_config", fmt.Sprintf(`ListenAddress 127.0.0.1:%s
HostKey %s/host
AuthorizedKeysFile %s/authorized
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
%s
`, h.port, dir, dir, strings.Join(config, "\n")), 0o600)
	cmd := s.cmd(sshd, "-D", "-e", "-f", file)
	quiet := exec.Command("unshare", "-m", "sh", "-c", `mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/shadow && shift 2 && exec "$@"`,
		"sh", passwd, shadow)
	quiet.Args = append(append(quiet.Args, cmd.Path), cmd.Args[1:]...)
	h.server = startServer(t, quiet)
	h.expect(`Server listening on 127.0.0.1`)
	return h
}
