package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/ipc/sandbox"
)

// needLandlock skips a test where the kernel cannot make a sandbox, after it has looked
// that walisup says so.
func needLandlock(t *testing.T, s *site) {
	t.Helper()
	if err := sandbox.CheckLandlock(); err != nil {
		s.fails(125, err.Error(), "start", "--sandbox", filepath.Join(s.dir, "tools", "true"))
		t.Skip(err)
	}
}

// sandboxScript tries things. Its arguments are the allowed directories to read and to write,
// a directory outside, and a TCP port where somebody listens.
const sandboxScript = `
read=$1 write=$2 outside=$3 port=$4
try() {
	name=$1
	if (eval "$2") >/dev/null 2>&1; then echo "$name: yes"; else echo "$name: no"; fi
}
try 'read' 'busybox cat $read/file'
try 'list' 'busybox ls $read'
try 'read below' 'busybox cat $read/below/file'
try 'read by a link' 'busybox cat $read/link'
try 'run a module that may be read' '$read/bin/busybox true'
try 'run a script' '$read/script'
try 'enter' 'cd $read/below && busybox cat file'
try 'find' 'busybox find $read -name file'
try 'make' 'echo x >$write/made'
try 'append' 'echo y >>$write/made'
try 'read again' 'busybox cat $write/made'
try 'truncate' 'busybox truncate -s 1 $write/made'
try 'make a directory' 'busybox mkdir $write/folder'
try 'rename into it' 'busybox mv $write/made $write/folder/moved'
try 'link' 'busybox ln $write/folder/moved $write/hard'
try 'symbolic link' 'busybox ln -s made $write/soft'
try 'FIFO' 'busybox mkfifo $write/fifo'
try 'remove' 'busybox rm $write/hard && busybox rmdir $write/empty'
try 'copy' 'busybox cp $read/file $write/copy'
try 'change a mode' 'busybox chmod 640 $write/copy && test $(busybox stat -c %a $write/copy) = 640'
try 'change the mode by a link' 'busybox ln -s copy $write/alias && busybox chmod 600 $write/alias && test $(busybox stat -c %a $write/copy) = 600'
try 'change the times' 'busybox touch -d 2001-02-03 $write/copy && test $(busybox stat -c %y $write/copy | busybox cut -c1-10) = 2001-02-03'
try 'change the owner' 'busybox chown $(busybox id -u):$(busybox id -g) $write/copy'
try 'change the mode of a read-only file' 'busybox chmod 400 $write/copy && busybox chmod 444 $write/copy && test $(busybox stat -c %a $write/copy) = 444'
try 'change the times of a read-only file' 'busybox touch -d 2002-02-03 $write/copy && test $(busybox stat -c %y $write/copy | busybox cut -c1-10) = 2002-02-03'
try 'change the mode of a directory' 'busybox chmod 500 $write/folder && busybox chmod 711 $write/folder && test $(busybox stat -c %a $write/folder) = 711'
try 'change the directory that it was given' 'busybox chmod 750 $write && busybox touch -d 2003-02-03 $write && test $(busybox stat -c %a $write) = 750'
try 'copy with everything' 'busybox cp -p $write/copy $write/twin && test $(busybox stat -c %a%Y $write/twin) = $(busybox stat -c %a%Y $write/copy)'
try 'copy a tree with everything' 'busybox cp -a $write/folder $write/tree && test $(busybox stat -c %a $write/tree) = 711'
try 'fork and pipe' 'echo x | busybox grep x'
try 'signal a child' 'busybox sleep 100 & kill $!'
try 'use a device' 'echo x >/dev/null'

try 'read outside' 'busybox cat $outside/file'
try 'list outside' 'busybox ls $outside'
try 'list the root' 'busybox ls /'
try 'read a system file' 'busybox cat /etc/passwd'
try 'read by dots' 'busybox cat $read/../outside/file'
try 'read by a link that leads out' 'busybox ln -s $outside/file $write/out; busybox cat $write/out'
try 'read about itself' 'busybox cat /proc/self/status'
try 'write outside' 'echo x >$outside/made'
try 'append outside' 'echo x >>$outside/file'
try 'truncate outside' 'busybox truncate -s 0 $outside/file'
try 'make a directory outside' 'busybox mkdir $outside/folder'
try 'remove outside' 'busybox rm -f $outside/file && test ! -e $outside/file'
try 'rename out' 'busybox mv $write/copy $outside/copy'
try 'hard link in' 'busybox ln $outside/file $write/stolen'
try 'write where it may read' 'echo x >$read/file'
try 'truncate where it may read' 'busybox truncate -s 0 $read/file'
try 'make where it may read' 'echo x >$read/made'
try 'remove where it may read' 'busybox rm $read/file'
try 'rename from there' 'busybox mv $read/file $write/file'
try 'change the mode where it may read' 'busybox chmod 777 $read/file'
try 'change the times where it may read' 'busybox touch -d 2001-01-01 $read/file'
try 'change the owner where it may read' 'busybox chown $(busybox id -u) $read/file'
try 'change a directory where it may read' 'busybox chmod 777 $read/below'
try 'change the directory that it may read' 'busybox chmod 777 $read'
try 'change the mode by a link that leads out' 'busybox ln -s $read/file $write/way; busybox chmod 777 $write/way'
try 'change a directory by a link that leads out' 'busybox ln -s $read/below $write/folderway; busybox chmod 777 $write/folderway'
try 'change the mode of a FIFO' 'busybox chmod 777 $write/fifo'
try 'change a symbolic link' 'busybox touch -h -d 2001-01-01 $write/soft'
try 'change a directory outside' 'busybox chmod 777 $outside/bin'
try 'change the mode outside' 'busybox chmod 777 $outside/file'
try 'change the times outside' 'busybox touch -d 2001-01-01 $outside/file'
try 'run outside' '$outside/bin/busybox true'
try 'run a native program' '/bin/true'
try 'run a copied native program' '$write/native'
try 'signal walisup' 'kill -0 $PPID'
try 'signal all' 'busybox kill -0 1'
try 'connect' 'busybox nc -w 3 127.0.0.1 $port </dev/null'
try 'listen' 'busybox timeout 1 busybox nc -l -p 0; test $? = 143'
try 'ping' 'busybox ping -c 1 -W 1 127.0.0.1'
try 'addresses' 'busybox ip addr'
try 'mount' 'busybox mount -t tmpfs none $write'
try 'other root' 'busybox chroot $write /busybox true'
try 'other namespace' 'busybox unshare -r true'
try 'device node' 'busybox mknod $write/node c 1 3'
try 'host name' 'busybox hostname other'
try 'clock' 'busybox date -s 2001-01-01; test $(busybox date +%Y) = 2001'
try 'kernel log' 'busybox dmesg'
try 'priority of others' 'busybox renice -n 5 -p $PPID'
try 'limits of others' 'busybox prlimit --pid $PPID'
try 'System V' 'busybox ipcs | busybox grep -q key'
try 'terminal' 'echo x >/dev/tty'
`

const sandboxAnswers = `read: yes
list: yes
read below: yes
read by a link: yes
run a module that may be read: yes
run a script: yes
enter: yes
find: yes
make: yes
append: yes
read again: yes
truncate: yes
make a directory: yes
rename into it: yes
link: yes
symbolic link: yes
FIFO: yes
remove: yes
copy: yes
change a mode: yes
change the mode by a link: yes
change the times: yes
change the owner: yes
change the mode of a read-only file: yes
change the times of a read-only file: yes
change the mode of a directory: yes
change the directory that it was given: yes
copy with everything: yes
copy a tree with everything: yes
fork and pipe: yes
signal a child: yes
use a device: yes
read outside: no
list outside: no
list the root: no
read a system file: no
read by dots: no
read by a link that leads out: no
read about itself: no
write outside: no
append outside: no
truncate outside: no
make a directory outside: no
remove outside: no
rename out: no
hard link in: no
write where it may read: no
truncate where it may read: no
make where it may read: no
remove where it may read: no
rename from there: no
change the mode where it may read: no
change the times where it may read: no
change the owner where it may read: no
change a directory where it may read: no
change the directory that it may read: no
change the mode by a link that leads out: no
change a directory by a link that leads out: no
change the mode of a FIFO: no
change a symbolic link: no
change a directory outside: no
change the mode outside: no
change the times outside: no
run outside: no
run a native program: no
run a copied native program: no
signal walisup: no
signal all: no
connect: no
listen: no
ping: no
addresses: no
mount: no
other root: no
other namespace: no
device node: no
host name: no
clock: no
kernel log: no
priority of others: no
limits of others: no
System V: no
terminal: no
`

// sandboxSite makes the directories of the script. Their files belong to who runs it.
func sandboxSite(t *testing.T, s *site) (read, write, outside string) {
	t.Helper()
	read, write, outside = s.work("read"), s.work("write"), s.work("outside")
	for _, dir := range []string{read, filepath.Join(read, "below"), filepath.Join(read, "bin"), write, filepath.Join(write, "empty"), outside, filepath.Join(outside, "bin")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(read, "file"), filepath.Join(read, "below", "file"), filepath.Join(outside, "file")} {
		if err := os.WriteFile(file, []byte("content\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("below/file", filepath.Join(read, "link")); err != nil {
		t.Fatal(err)
	}
	script := "#!" + filepath.Join(s.dir, "tools", "sh") + "\nexit 0\n"
	if err := os.WriteFile(filepath.Join(read, "script"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	busybox := filepath.Join(s.dir, "tools", "busybox")
	for to, from := range map[string]string{
		filepath.Join(read, "bin", "busybox"): busybox, filepath.Join(outside, "bin", "busybox"): busybox, filepath.Join(write, "native"): "/bin/true",
	} {
		if out, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
	}
	if s.user != nil {
		for _, dir := range []string{read, write, outside} {
			if out, err := exec.Command("chown", "-R", fmt.Sprint(s.user.Uid), dir).CombinedOutput(); err != nil {
				t.Fatalf("chown: %v: %s", err, out)
			}
		}
	}
	return read, write, outside
}

func listen(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// Of all that a script tries, exactly what is allowed works.
func TestSandboxScript(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		needLandlock(t, s)
		read, write, outside := sandboxSite(t, s)
		got := s.run("start", "--allow-read", read, "--allow-read", filepath.Join(s.dir, "tools"), "--allow-write", write,
			"--allow-write", "/dev/null", filepath.Join(s.dir, "tools", "sh"), "-c", sandboxScript, "sh", read, write, outside, listen(t))
		if got.status != 0 || got.stdout != sandboxAnswers {
			t.Errorf("status %d: %s%s", got.status, got.stderr, difference(sandboxAnswers, got.stdout))
		}
		for _, file := range []string{filepath.Join(read, "file"), filepath.Join(outside, "file")} {
			data, err := os.ReadFile(file)
			if info, failure := os.Stat(file); err != nil || failure != nil || string(data) != "content\n" || info.Mode() != 0o644 {
				t.Errorf("%s was changed: %q, %v, %v", file, data, err, failure)
			}
		}
	})
}

// With nothing allowed a module runs, and computes.
func TestSandboxAlone(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		needLandlock(t, s)
		sh := filepath.Join(s.dir, "tools", "sh")
		got := s.run("start", "--sandbox", sh, "-c", `i=0; while [ $i -lt 100 ]; do i=$((i+1)); done; (echo child $i); echo x 2>/dev/null >/etc/x || echo refused`)
		if want := "child 100\nrefused\n"; got.status != 0 || got.stdout != want {
			t.Errorf("%+v, want %q", got, want)
		}
	})
}

func TestSandboxNetwork(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	needLandlock(t, s)
	port, other := listen(t), listen(t)
	tools := filepath.Join(s.dir, "tools")
	script := fmt.Sprintf(`for port in %s %s; do busybox nc -w 5 127.0.0.1 $port </dev/null && echo $port; done; busybox ip addr | busybox grep -o 127.0.0.1`, port, other)
	for flags, want := range map[string]string{
		"--sandbox":                           "",
		"--allow-listen " + port:              "",
		"--allow-connect " + port:             port + "\n",
		"--allow-net":                         port + "\n" + other + "\n127.0.0.1\n",
		"--seccomp default --sandbox=false":   port + "\n" + other + "\n127.0.0.1\n",
		"--allow-connect 1 --allow-connect 2": "",
	} {
		args := append([]string{"start", "--allow-read", tools, "--allow-write", "/dev/null"}, strings.Fields(flags)...)
		if strings.Contains(flags, "=false") {
			args = append([]string{"start"}, strings.Fields(flags)...)
		}
		got := s.run(append(args, filepath.Join(tools, "sh"), "-c", script)...)
		if got.stdout != want {
			t.Errorf("%s: %+v, want %q", flags, got, want)
		}
	}
}

// A policy is shown by inspect, holds for exec and for restarts, and inside of a root.
func TestSandboxInstance(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		needLandlock(t, s)
		read, write, outside := sandboxSite(t, s)
		tools := filepath.Join(s.dir, "tools")
		s.detach(fmt.Sprintf(`echo start; busybox cat %s/file; until [ -e %s/go ]; do busybox sleep 0.05; done; rm -f %s/go; exit 1`, outside, write, write),
			"--name", "boxed", "--restart", "on-failure:1", "--allow-read", read, "--allow-read", tools, "--allow-write", write, "--allow-listen", "8080")
		s.untilLog("boxed", "Permission denied")
		var policy struct {
			Sandbox bool     `json:"sandbox"`
			Read    []string `json:"allow_read"`
			Listen  []int    `json:"allow_listen"`
			Seccomp string   `json:"seccomp"`
			Kernel  struct {
				NoNewPrivileges bool   `json:"no_new_privileges"`
				Filters         int    `json:"seccomp_filters"`
				Capabilities    string `json:"effective_capabilities"`
			} `json:"kernel"`
		}
		shown := s.field("boxed", "{{json .Policy}}")
		if err := json.Unmarshal([]byte(shown), &policy); err != nil {
			t.Fatalf("%s: %v", shown, err)
		}
		if !policy.Sandbox || len(policy.Read) != 2 || len(policy.Listen) != 1 || policy.Seccomp != "default" ||
			!policy.Kernel.NoNewPrivileges || policy.Kernel.Filters < 1 {
			t.Errorf("inspect shows %s", shown)
		}
		for path, status := range map[string]int{filepath.Join(read, "file"): 0, filepath.Join(outside, "file"): 1, "/etc/passwd": 1} {
			// The module that exec is given is the caller's, and need not be readable inside.
			if got := s.run("exec", "boxed", filepath.Join(outside, "bin", "busybox"), "cat", path); got.status != status {
				t.Errorf("exec cat %s: %+v, want status %d", path, got, status)
			}
		}
		if err := os.WriteFile(filepath.Join(write, "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		s.until("the restarted one is refused, too", func() bool {
			return strings.Count(s.must("logs", "boxed"), "Permission denied")+strings.Count(s.run("logs", "boxed").stderr, "Permission denied") > 1
		})
		s.must("rm", "-f", "boxed")
	})
}

// A guest cannot widen what it has by putting links in the place of what is allowed.
func TestSandboxReplacedPath(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	needLandlock(t, s)
	_, write, outside := sandboxSite(t, s)
	inner := filepath.Join(write, "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	s.detach(fmt.Sprintf(`busybox rmdir %s && busybox ln -s %s %s && echo replaced; busybox sleep 1000`, inner, outside, inner),
		"--name", "swap", "--allow-read", filepath.Join(s.dir, "tools"), "--allow-read", inner, "--allow-write", write)
	s.untilLog("swap", "replaced")
	s.fails(125, "symbolic link", "exec", "swap", filepath.Join(s.dir, "tools", "cat"), filepath.Join(inner, "file"))
	s.must("rm", "-f", "swap")
}

func TestSandboxInRoot(t *testing.T) {
	t.Parallel()
	s := rootSite(t)
	needLandlock(t, s)
	jail := s.work("jail")
	for _, dir := range []string{"bin", "open", "closed"} {
		if err := os.MkdirAll(filepath.Join(jail, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(jail, dir, "file"), []byte(dir), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/open", filepath.Join(jail, "link")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", filepath.Join(s.dir, "tools", "busybox"), filepath.Join(jail, "bin", "busybox")).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	script := `/bin/busybox cat /open/file; /bin/busybox cat /closed/file 2>&1 || echo; /bin/busybox id -u`
	got := s.isolated(script, "--root", jail, "--user", "1000", "--allow-read", "/bin", "--allow-read", "/link")
	if want := "opencat: can't open '/closed/file': Permission denied\n\n1000\n"; got.status != 0 || got.stdout != want {
		t.Errorf("%+v, want %q", got, want)
	}
	s.fails(125, "no such file", "start", "--root", jail, "--allow-read", "/etc", filepath.Join(s.dir, "tools", "true"))
}

func TestPolicyErrors(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	needLandlock(t, s)
	profile := s.work("profile.json")
	if err := os.WriteFile(profile, []byte(`{"defaultAction": "SCMP_ACT_NOTIFY"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for flags, says := range map[string]string{
		"--allow-read /no/such/path":          "--allow-read /no/such/path: no such file",
		"--allow-write /dev/null/x":           "not a directory",
		"--allow-connect http":                "not a port",
		"--allow-connect 0":                   "not a port",
		"--allow-listen 65536":                "not a port",
		"--allow-net --allow-connect 80":      "allows all ports",
		"--sandbox --seccomp none":            "rests on its filter",
		"--sandbox --native-exec":             "native programs",
		"--seccomp default --native-exec":     "native programs",
		"--seccomp /no/such/profile":          "want default, none, or a file",
		"--seccomp /dev/null":                 "not a regular file",
		"--seccomp " + profile:                "no agent",
		"--allow-read /proc/self":             "allow /proc",
		"--sandbox --root / --allow-read=/no": "no such file",
	} {
		s.fails(125, says, append(append([]string{"start"}, strings.Fields(flags)...), filepath.Join(s.dir, "tools", "true"))...)
	}
	got := s.run("start", "--help")
	for _, flag := range []string{"--sandbox", "--allow-read PATH", "--allow-connect PORT", "--seccomp PROFILE"} {
		if !strings.Contains(got.stdout, flag) {
			t.Errorf("the help does not show %s", flag)
		}
	}
}

// A profile in OCI's form holds for the guest and what comes from it.
func TestSeccompProfile(t *testing.T) {
	t.Parallel()
	forUsers(t, func(t *testing.T, s *site) {
		profile := s.work("profile.json")
		if err := os.WriteFile(profile, []byte(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
			{"names": ["mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
			{"names": ["ptrace"], "action": "SCMP_ACT_KILL_PROCESS"}]}`), 0o644); err != nil {
			t.Fatal(err)
		}
		script := `busybox mkdir new 2>&1; echo made >file; busybox cat file`
		want := "mkdir: can't create directory 'new': No space left on device\nmade\n"
		for _, flags := range [][]string{{"--seccomp", profile}, {"--seccomp", profile, "--allow-write", s.dir}} {
			if len(flags) > 2 && sandbox.CheckLandlock() != nil {
				continue
			}
			args := append(append([]string{"start"}, flags...), filepath.Join(s.dir, "tools", "sh"), "-c", script)
			if got := s.run(args...); got.status != 0 || got.stdout != want {
				t.Errorf("%q: %+v, want %q", flags, got, want)
			}
		}
	})
}

// What is inherited is what the caller gives: no more can be made of it.
func TestSandboxInherited(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	needLandlock(t, s)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	cmd := s.command("start", "--sandbox", filepath.Join(s.dir, "tools", "true"))
	cmd.Stdin = file
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !asExit(err, &exit) || shellStatus(exit.Sys().(syscall.WaitStatus)) != 125 || !strings.Contains(string(out), "is a socket") {
		t.Errorf("%v: %s", err, out)
	}
}

func asExit(err error, to **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*to = e
	return ok
}
