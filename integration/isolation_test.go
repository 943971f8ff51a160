package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// rootSite is a site for tests of what only root can do.
func rootSite(t *testing.T) *site {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can do this")
	}
	return newSite(t, nil)
}

// isolated runs a shell script with flags of start. The test is skipped where root is
// not allowed to make control groups or namespaces, as in some containers.
func (s *site) isolated(script string, flags ...string) answer {
	s.t.Helper()
	args := append([]string{"start"}, flags...)
	got := s.run(append(args, filepath.Join(s.dir, "tools", "sh"), "-c", script)...)
	for _, lack := range []string{"limits need the", "make a network namespace:", "make a veth pair:"} {
		if got.status == 125 && strings.Contains(got.stderr, lack) {
			s.t.Skipf("not possible here: %s", got.stderr)
		}
	}
	return got
}

func TestUserAndGroup(t *testing.T) {
	t.Parallel()
	s := rootSite(t)
	names := regexp.MustCompile(`\([^)]*\)`)
	for _, test := range []struct{ flags, want string }{
		{"--user 65534", "uid=65534 gid=65534\n"},
		{"--user nobody", "uid=65534 gid=65534\n"},
		{"--user 1000:1001", "uid=1000 gid=1001\n"},
		{"--user 1000 --group 1002", "uid=1000 gid=1002\n"},
		{"--user root", "uid=0 gid=0 groups=0\n"},
		{"--group 5", "uid=0 gid=5 groups=0\n"},
	} {
		args := append(append([]string{"start"}, strings.Fields(test.flags)...), filepath.Join(s.dir, "tools", "busybox"), "id")
		got := s.run(args...)
		have := names.ReplaceAllString(got.stdout, "")
		// A single group that is the user's own is not shown by all busyboxes.
		have, want := strings.TrimSuffix(have, " groups=0\n"), strings.TrimSuffix(test.want, " groups=0\n")
		if got.status != 0 || strings.TrimSpace(have) != strings.TrimSpace(want) {
			t.Errorf("%s: %+v, want %q", test.flags, got, test.want)
		}
	}
	// What is its own in /proc, it may write to.
	if got := s.isolated("echo name >/proc/self/comm; read -r name </proc/self/comm; echo $name", "--user", "1000"); got.stdout != "name\n" {
		t.Errorf("its own /proc: %+v", got)
	}
	for flags, says := range map[string]string{
		"--user no-such-user":       "no such user",
		"--group no-such-group":     "no such group",
		"--user 5: ":                "no group after the colon",
		"--user 5:6 --group 7":      "give one of them",
		"--umask 1000":              "octal",
		"--umask 9":                 "octal",
		"--ulimit nofile":           "want NAME=",
		"--ulimit files=5":          "no resource",
		"--ulimit nofile=5:4":       "above the hard",
		"--ulimit core=much":        "neither a number",
		"--root /dev/null":          "not a directory",
		"--root /no/such/folder":    "no such file",
		"--net everything":          "none of host",
		"--memory 1k":               "too small",
		"--cpus 0.0001":             "too few",
		"--pids-limit 2":            "too small",
		"--root / --workdir /no/wd": "working directory",
	} {
		s.fails(125, says, append(append([]string{"start"}, strings.Fields(flags)...), filepath.Join(s.dir, "tools", "true"))...)
	}
}

func TestUlimitAndUmask(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		got := s.isolated("umask; ulimit -Sn; ulimit -Hn; ulimit -c; sh -c 'umask; ulimit -Hn; ulimit -Ss'",
			"--umask", "027", "--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "stack=1048576:unlimited")
		if want := "0027\n100\n200\n0\n0027\n200\n1024\n"; got.status != 0 || got.stdout != want {
			t.Errorf("%+v, want %q", got, want)
		}
	})
}

func TestRoot(t *testing.T) {
	t.Parallel()
	s := rootSite(t)
	jail := s.work("jail")
	for _, dir := range []string{"bin", "home"} {
		if err := os.MkdirAll(filepath.Join(jail, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", filepath.Join(s.dir, "tools", "busybox"), filepath.Join(jail, "bin", "busybox")).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	// There is no /proc inside, and forks and programs work all the same.
	got := s.isolated(`pwd; echo /*; (cd /; echo sub); exec /bin/busybox sh -c '(echo fork); pwd'`, "--root", jail, "--workdir", "home")
	if want := "/home\n/bin /home\nsub\nfork\n/home\n"; got.status != 0 || got.stdout != want {
		t.Errorf("--root: %+v, want %q", got, want)
	}
	if got := s.isolated("pwd", "--chroot", jail); got.status != 0 || got.stdout != "/\n" {
		t.Errorf("--chroot: %+v", got)
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	s := rootSite(t)
	if got := s.isolated("busybox ip addr", "--net", "none"); got.status != 0 || !strings.Contains(got.stdout, "inet 127.0.0.1/8") ||
		strings.Contains(got.stdout, "2: ") {
		t.Errorf("--net none: %+v", got)
	}
	got := s.isolated(`busybox ip addr; busybox ip route; echo hello | busybox nc -l -p 9000 & sleep 0
		while ! busybox nc 127.0.0.1 9000 </dev/null; do :; done; read -r line`, "--net", "private")
	address := regexp.MustCompile(`inet (10\.209\.\d+)\.(\d+)/30`).FindStringSubmatch(got.stdout)
	if address == nil || !strings.Contains(got.stdout, "127.0.0.1/8") || !strings.Contains(got.stdout, "default via "+address[1]) ||
		!strings.Contains(got.stdout, "hello\n") {
		t.Fatalf("--net private: %+v", got)
	}

	// Two at once have networks of their own, reach the host and are one with what
	// is executed in them; nothing is left of them.
	devices := func() string {
		found, _ := filepath.Glob("/sys/class/net/walisup*")
		return strings.Join(found, " ")
	}
	routes := map[string]bool{}
	for _, name := range []string{"one", "two"} {
		s.detach("echo ready; sleep 1000", "--name", name, "--net", "private")
		s.untilLog(name, "ready")
		route := s.must("exec", name, filepath.Join(s.dir, "tools", "busybox"), "ip", "route")
		routes[route] = true
		via := regexp.MustCompile(`default via ([0-9.]+)`).FindStringSubmatch(route)
		if via == nil {
			t.Fatalf("routes of %s: %q", name, route)
		}
		s.must("exec", name, filepath.Join(s.dir, "tools", "busybox"), "ping", "-c", "1", "-W", "5", via[1])
	}
	if len(routes) != 2 {
		t.Errorf("two instances have the same network: %v", routes)
	}
	if devices() == "" {
		t.Error("no device at the host's end")
	}
	s.must("kill", "one", "two")
	s.until("the devices are gone", func() bool { return devices() == "" })
}

// groupDirectories returns the directories of control groups that /proc/PID/cgroup has told
// of, by controller.
func groupDirectories(text string) map[string]string {
	folders := map[string]string{}
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 || !strings.HasPrefix(filepath.Base(fields[2]), "walisup-") {
			continue
		}
		folders[fields[1]] = filepath.Join("/sys/fs/cgroup", fields[1], fields[2])
	}
	return folders
}

func TestControlGroups(t *testing.T) {
	t.Parallel()
	s := rootSite(t)
	s.must("compile", filepath.Join(s.dir, "tools", "busybox")) // which takes more than the limits below
	got := s.isolated("cat /proc/self/cgroup; x=0123456789abcdef; while :; do x=$x$x; done", "--memory", "48m")
	folders := groupDirectories(got.stdout)
	if got.status == 0 || len(folders) != 1 {
		t.Errorf("--memory: %+v", got)
	}
	for _, dir := range folders {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}

	s.detach("cat /proc/self/cgroup; echo ready; sleep 1000 & setsid sleep 1001 & wait", "--name", "all",
		"--memory", "64m", "--pids-limit", "100", "--cpus", "0.5")
	s.untilLog("all", "ready")
	folders = groupDirectories(s.run("logs", "all").stdout)
	if len(folders) == 0 {
		t.Fatalf("no control groups in %+v", s.run("logs", "all"))
	}
	inside := s.must("exec", "all", filepath.Join(s.dir, "tools", "cat"), "/proc/self/cgroup")
	if joined := groupDirectories(inside); fmt.Sprint(joined) != fmt.Sprint(folders) {
		t.Errorf("exec runs in %v, the instance in %v", joined, folders)
	}
	value := func(files ...string) string {
		for _, file := range files {
			for _, dir := range folders {
				if text, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
					return strings.TrimSpace(string(text))
				}
			}
		}
		return "nothing"
	}
	limits := func() string {
		return value("memory.max", "memory.limit_in_bytes") + " " + value("pids.max") + " " + value("cpu.max", "cpu.cfs_quota_us")
	}
	if got := limits(); got != "67108864 100 50000" && got != "67108864 100 50000 100000" {
		t.Errorf("limits are %s", got)
	}
	s.must("update", "--memory", "96m", "--cpus", "1.5", "all")
	if got := limits(); got != "100663296 100 150000" && got != "100663296 100 150000 100000" {
		t.Errorf("limits after update are %s", got)
	}
	if got := s.field("all", "{{.Start.Isolation.Memory}} {{.Start.Isolation.Pids}} {{.Start.Isolation.CPUs}}"); got != "100663296 100 1.5" {
		t.Errorf("inspect tells of %s", got)
	}
	s.must("kill", "all")
	for _, dir := range folders {
		s.until(dir+" is gone", func() bool { _, err := os.Stat(dir); return err != nil })
	}
	s.detach("sleep 1000", "--name", "free")
	s.fails(125, "started without limits", "update", "--memory", "64m", "free")
	s.fails(125, "no limit given", "update", "free")
	s.must("kill", "free")
	s.must("wait", "free")
	s.expectGone()
}

// TestIsolationWithoutPrivilege shows that an ordinary user is told which right is
// missing, and that nothing runs without what was asked for.
func TestIsolationWithoutPrivilege(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs two users")
	}
	s := newSite(t, &syscall.Credential{Uid: nobody, Gid: nobody})
	for flags, says := range map[string]string{
		"--user 0":                     "CAP_SET",
		"--user 1000:65534":            "CAP_SETUID",
		"--group 0":                    "CAP_SETGID",
		"--root /":                     "CAP_SYS_CHROOT",
		"--net none":                   "CAP_SYS_ADMIN",
		"--net private":                "CAP_SYS_ADMIN",
		"--memory 64m":                 "limits need the right",
		"--cpus 1":                     "limits need the right",
		"--pids-limit 100":             "limits need the right",
		"--ulimit nofile=50:100000000": "CAP_SYS_RESOURCE",
	} {
		got := s.run(append(append([]string{"start"}, strings.Fields(flags)...), filepath.Join(s.dir, "tools", "echo"), "ran")...)
		if got.status != 125 || got.stdout != "" || !strings.Contains(got.stderr, says) {
			t.Errorf("%s: %+v, want status 125 and %q", flags, got, says)
		}
		s.fails(125, says, append(append([]string{"start", "--detach"}, strings.Fields(flags)...), filepath.Join(s.dir, "tools", "echo"), "ran")...)
	}
	if got := s.must("start", "--user", "65534", filepath.Join(s.dir, "tools", "echo"), "ran"); got != "ran" {
		t.Errorf("a user who becomes himself: %q", got)
	}
}
