package integration

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// engine is a container engine with storage of its own.
type engine struct {
	t   *testing.T
	dir string
	id  string // begins the names of its containers

	runtime string // podman's
}

func ociPath() string { return filepath.Join(root, "bin", "walisup-oci") }

// needEngine skips the test where the programs of container engines are not, or cannot work.
func needEngine(t *testing.T, programs ...string) *engine {
	t.Helper()
	needWalisup(t)
	need(t, ociPath(), "run make build")
	if os.Geteuid() != 0 {
		t.Skip("containers need root")
	}
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%v: run make container-deps", err)
		}
	}
	probe.Do(func() { probed = probeEngine(t) })
	if probed != "" {
		t.Skipf("no native container runs here: %s", probed)
	}
	return newEngine(t)
}

var (
	probe  sync.Once
	probed string // why no container runs on this machine, empty if one does
)

// probeEngine runs a native container by podman and runc, without anything of ours. Not every
// root may make one: the test may itself run in a container.
func probeEngine(t *testing.T) (problem string) {
	t.Helper()
	e := newEngine(t)
	e.runtime = "runc"
	source, program := filepath.Join(e.dir, "true.c"), filepath.Join(e.dir, "true")
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-static", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	if got := e.podman("import", "--signature-policy", e.policy(), e.archive(map[string]string{"bin/true": program}, nil), "localhost/probe"); got.status != 0 {
		return got.stderr
	}
	if got := e.podman("run", "--rm", "localhost/probe", "/bin/true"); got.status != 0 {
		return got.stderr
	}
	return ""
}

// policy makes a file that lets images in that nobody has signed.
func (e *engine) policy() string {
	e.t.Helper()
	path := filepath.Join(e.dir, "policy.json")
	if err := os.WriteFile(path, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o644); err != nil {
		e.t.Fatal(err)
	}
	return path
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	// Not below t.TempDir, whose name is too long for a socket.
	dir, err := os.MkdirTemp("", "oci")
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, dir: dir, id: filepath.Base(dir), runtime: ociPath()}
	t.Cleanup(func() {
		mounts, _ := os.ReadFile("/proc/self/mounts")
		for line := range strings.Lines(string(mounts)) {
			if path := strings.Fields(line)[1]; strings.HasPrefix(path, dir) {
				t.Errorf("left mounted: %s", path)
				unix.Unmount(path, unix.MNT_DETACH)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return e
}

// archive makes an image's files: programs by their path, "->" for links, else text.
func (e *engine) archive(programs, files map[string]string) string {
	e.t.Helper()
	path := filepath.Join(e.dir, "files.tar")
	out, err := os.Create(path)
	if err != nil {
		e.t.Fatal(err)
	}
	w := tar.NewWriter(out)
	add := func(h tar.Header, content []byte) {
		h.Size, h.ModTime = int64(len(content)), time.Unix(1, 0)
		if err := w.WriteHeader(&h); err != nil {
			e.t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			e.t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin/", "tmp/", "proc/", "dev/", "sys/", "etc/", "run/"} {
		add(tar.Header{Name: dir, Mode: 0o755, Typeflag: tar.TypeDir}, nil)
	}
	for name, source := range programs {
		content, err := os.ReadFile(source)
		if err != nil {
			e.t.Fatal(err)
		}
		add(tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg}, content)
	}
	for name, text := range files {
		if target, ok := strings.CutPrefix(text, "->"); ok {
			add(tar.Header{Name: name, Linkname: target, Mode: 0o777, Typeflag: tar.TypeSymlink}, nil)
			continue
		}
		add(tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg}, []byte(text))
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		e.t.Fatal(err)
	}
	return path
}

// podman runs one of podman's commands with walisup-oci.
func (e *engine) podman(command string, args ...string) answer {
	e.t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		e.t.Fatal(err)
	}
	list := []string{
		"--root", e.dir + "/root", "--runroot", e.dir + "/run", "--tmpdir", e.dir + "/tmp", "--storage-driver=vfs",
		"--events-backend=none", "--runtime", e.runtime,
	}
	if e.runtime == ociPath() {
		list = append(list, "--runtime-flag", "cache="+e.dir+"/cache")
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		list = append(list, "--cgroup-manager=cgroupfs")
	}
	list = append(list, command)
	if command == "run" || command == "create" {
		// Podman raises limits to the highest, which not every root may.
		list = append(list, "--network=none", fmt.Sprintf("--ulimit=nofile=%d:%d", limit.Max, limit.Max), "--ulimit=nproc=1000:1000")
	}
	return e.run(exec.Command("podman", append(list, args...)...))
}

func (e *engine) run(cmd *exec.Cmd) answer {
	e.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Dir = e.dir // where conmon leaves a file when memory runs out
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	return answer{status: runBounded(e.t, cmd), stdout: stdout.String(), stderr: stderr.String()}
}

// must is podman that succeeds.
func (e *engine) must(command string, args ...string) string {
	e.t.Helper()
	got := e.podman(command, args...)
	if got.status != 0 {
		e.t.Fatalf("podman %s %q: %+v", command, args, got)
	}
	return strings.TrimSpace(got.stdout)
}

// images makes an image of the module show, of the same program natively, and of a shell.
func (e *engine) files() string {
	e.t.Helper()
	show := buildC(e.t, "testdata/containers/show.c")
	native := filepath.Join(e.dir, "show-native")
	if out, err := exec.Command("gcc", "-static", "-O1", "-o", native, "testdata/containers/show.c").CombinedOutput(); err != nil {
		e.t.Fatalf("gcc: %v\n%s", err, out)
	}
	bad := filepath.Join(e.dir, "bad.wasm")
	// (module (import "nowhere" "f" (func)))
	const module = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02\x0d\x01\x07nowhere\x01f\x00\x00"
	if err := os.WriteFile(bad, []byte(module), 0o644); err != nil {
		e.t.Fatal(err)
	}
	loud := filepath.Join(e.dir, "loud.wasm")
	if err := os.WriteFile(loud, []byte(strings.Replace(module, "nowhere", "\x1b[2Jlou", 1)), 0o644); err != nil {
		e.t.Fatal(err)
	}
	return e.archive(map[string]string{
		"bin/show": show.module, "bin/native": native, "bin/sh": port(e.t, "dash", "dash").module,
		"bin/busybox": port(e.t, "busybox", "busybox").module, "bin/bad": bad, "bin/loud": loud,
	}, map[string]string{
		"bin/ls": "->busybox", "bin/cat": "->busybox", "bin/id": "->busybox", "bin/link": "->/bin/show",
		"script":    "#!/bin/sh -e\necho \"script $0 $*\"\nexec show exit 4\n",
		"etc/group": "root:x:0:\n", "etc/passwd": "root:x:0:0::/:/bin/sh\n",
	})
}

// TestPodman runs modules by podman, and the same native program beside them.
func TestPodman(t *testing.T) {
	t.Parallel()
	e := needEngine(t, "podman", "conmon", "runc")
	own, err := exec.Command(walisupPath(), "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := strings.Replace(string(own), "walisup ", "walisup-oci version ", 1)
	if out, err := exec.Command(ociPath(), "--version").Output(); err != nil || !strings.HasPrefix(string(out), version) {
		t.Errorf("walisup-oci --version: %q, %v, want %q first", out, err, version)
	}
	e.must("import", "--signature-policy", e.policy(), "--os", "linux", "--arch", "wasm", e.files(), "localhost/test")
	defer func() {
		for _, id := range strings.Fields(e.must("ps", "-aq")) {
			e.podman("rm", "-f", "-t", "0", id)
		}
		e.expectNothingLeft()
	}()
	same := [][]string{
		{"show"},
		{"--env", "SHOWN=1", "--workdir", "/tmp", "show", "a b", ""},
		{"--user", "1000:5", "show", "exit", "7"},
		{"--read-only", "show"},
		{"--tty", "show"},
		{"--interactive", "show"},
		{"--ulimit", "nofile=64:100", "show"},
		{"show", "children"},
		{"show", "raise", "15"},
		{"show", "raise", "9"},
		{"--init=false", "--cap-drop=all", "--security-opt=no-new-privileges", "show"},
		{"--preserve-fds=0", "--umask=0077", "show"},
	}
	for _, args := range same {
		var got [2]answer
		for i, program := range []string{"show", "native"} {
			line := append([]string{"--rm"}, args...)
			at := slices.Index(line, "show")
			line = append(append(slices.Clone(line[:at]), "localhost/test", program), line[at+1:]...)
			got[i] = e.podman("run", line...)
			got[i].stderr = strings.TrimPrefix(strings.ReplaceAll(got[i].stderr, "\r", ""), platformWarning)
			got[i].stdout = strings.ReplaceAll(got[i].stdout, "native", "show")
		}
		if got[0] != got[1] {
			t.Errorf("%q:\nmodule %+v\nnative %+v", args, got[0], got[1])
		}
	}

	t.Run("ways to start", func(t *testing.T) {
		cases := []struct {
			args   []string
			status int
			out    string // the beginning of standard output, or a part of standard error
		}{
			{[]string{"link", "x"}, 0, "args [link] [x]"},
			{[]string{"/bin/show"}, 0, "args [/bin/show]"},
			{[]string{"/script", "one", "two"}, 4, "script /script one two\nargs [show]"},
			{[]string{"sh", "-c", "echo $0 $(id -u); show exit 2"}, 2, "sh 0\nargs [show]"},
			{[]string{"nosuch"}, 127, "executable file not found"},
			{[]string{"/none/show"}, 127, "no such file or directory"},
			{[]string{"/bin"}, 126, "permission denied"},
			{[]string{"bad"}, 126, "nowhere"},
			{[]string{"loud"}, 126, `namespace \"\\x1b[2Jlou\"`},
			{[]string{"sh", "-c", "exec /bin/native"}, 126, "ermission denied"},
		}
		for _, c := range cases {
			got := e.podman("run", append([]string{"--rm", "localhost/test"}, c.args...)...)
			if got.status != c.status || !strings.HasPrefix(got.stdout, c.out) && !strings.Contains(got.stderr, c.out) {
				t.Errorf("%q: %+v, want status %d and %q", c.args, got, c.status, c.out)
			}
		}
		if got := e.podman("run", "--rm", "--annotation", "run.oci.handler=wasm", "localhost/test", "native"); got.status == 0 || !strings.Contains(got.stderr, "not a WebAssembly module") {
			t.Errorf("a native program where a module is demanded: %+v", got)
		}
	})

	t.Run("a running container", func(t *testing.T) {
		name := e.id + "-running"
		e.must("run", "-d", "--name", name, "--user", "1000", "localhost/test", "show", "wait")
		until(t, "it is ready", func() bool { return strings.Contains(e.must("logs", name), "ready") })
		if got := e.podman("exec", "--env", "SHOWN=2", "--workdir", "/tmp", name, "show", "exit", "9"); got.status != 9 ||
			!strings.HasPrefix(got.stdout, "args [show] [exit] [9]\ncwd /tmp uid 1000 gid 0") || !strings.Contains(got.stdout, "SHOWN=2") {
			t.Errorf("exec: %+v", got)
		}
		if got := e.podman("exec", name, "sh", "-c", "echo x >/.walisup/walisup-helper || echo x >/.walisup/cache/x || ls /.walisup/cache | wc -l >/none; show exit 1"); got.status != 1 {
			t.Errorf("exec of a shell: %+v", got)
		}
		if got := e.podman("exec", name, "nosuch"); got.status != 127 {
			t.Errorf("exec of nothing: %+v", got)
		}
		if got := e.podman("exec", name, "native"); got.status != 0 || !strings.HasPrefix(got.stdout, "args [native]") {
			t.Errorf("exec of a native program: %+v", got)
		}
		e.must("pause", name)
		if got := e.must("inspect", "--format", "{{.State.Status}}", name); got != "paused" {
			t.Errorf("paused: %s", got)
		}
		e.must("unpause", name)
		if got := e.must("top", name, "args"); !strings.Contains(got, "show wait") || strings.Contains(got, "helper") {
			t.Errorf("top: %q", got)
		}
		e.must("stop", "-t", "20", name)
		if got := e.must("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", name); got != "3 false" {
			t.Errorf("after stop: %q", got)
		}
		if got := e.must("logs", name); !strings.Contains(got, "ended by 15") {
			t.Errorf("logs: %q", got)
		}
		e.must("start", name)
		e.must("kill", "--signal", "QUIT", name)
		e.must("wait", name)
		e.must("rm", name)
	})

	t.Run("limits", func(t *testing.T) {
		name := e.id + "-memory"
		got := e.podman("run", "--name", name, "--memory", "64m", "--memory-swap", "64m", "localhost/test", "show", "memory", "200")
		if got.status != 137 || strings.Contains(got.stdout, "had") {
			t.Errorf("too much memory: %+v", got)
		}
		e.must("rm", name)
		if got := e.must("run", "--rm", "--memory", "64m", "localhost/test", "show", "memory", "20"); !strings.Contains(got, "had 20971520") {
			t.Errorf("enough memory: %q", got)
		}
	})
}

// platformWarning is podman's about images whose platform is not the machine's.
const platformWarning = "WARNING: image platform ({wasm linux  [] }) does not match the expected platform ({amd64 linux  [] })\n"

// TestContainerd runs modules by containerd as ctr asks it to.
func TestContainerd(t *testing.T) {
	t.Parallel()
	e := needEngine(t, "containerd", "ctr", "runc", "podman")
	e.must("import", "--signature-policy", e.policy(), "--os", "linux", "--arch", "wasm", e.files(), "localhost/test")
	e.must("save", "--format", "oci-archive", "-o", e.dir+"/image.tar", "localhost/test")
	config := fmt.Sprintf(`version = 2
root = "%[1]s/croot"
state = "%[1]s/cstate"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "%[1]s/sock"
[ttrpc]
  address = "%[1]s/sock.ttrpc"
`, e.dir)
	if err := os.WriteFile(e.dir+"/config.toml", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command("containerd", "-c", e.dir+"/config.toml")
	daemon.Env = []string{"WALISUP_OCI_CACHE=" + e.dir + "/cache", "PATH=" + os.Getenv("PATH")}
	server := startServer(t, daemon)
	ctr := func(args ...string) answer {
		t.Helper()
		cmd := exec.Command("ctr", append([]string{"--address", e.dir + "/sock"}, args...)...)
		return e.run(cmd)
	}
	must := func(args ...string) string {
		t.Helper()
		got := ctr(args...)
		if got.status != 0 {
			t.Fatalf("ctr %q: %+v\n%s", args, got, server.said())
		}
		return got.stdout
	}
	until(t, "containerd answers", func() bool { return ctr("version").status == 0 })
	must("image", "import", "--snapshotter", "native", e.dir+"/image.tar")
	runs := func(id string, args ...string) []string {
		return append([]string{"run", "--rm", "--snapshotter", "native", "--runc-binary", ociPath(), "localhost/test:latest", id}, args...)
	}
	for _, program := range []string{"show", "native"} {
		got := ctr(runs(e.id+program, program, "exit", "6")...)
		if got.status != 6 || !strings.HasPrefix(got.stdout, fmt.Sprintf("args [%s] [exit] [6]\ncwd / uid 0 gid 0 pid 1\n", program)) {
			t.Errorf("%s: %+v", program, got)
		}
	}
	if got := ctr(runs(e.id+"none", "nosuch")...); got.status == 0 || !strings.Contains(got.stderr, "executable file not found") {
		t.Errorf("nothing to execute: %+v", got)
	}
	if got := ctr(runs(e.id+"bad", "bad")...); got.status == 0 || !strings.Contains(got.stderr, "nowhere") {
		t.Errorf("a module that imports what there is not: %+v", got)
	}
	id := e.id + "long"
	must("run", "-d", "--snapshotter", "native", "--runc-binary", ociPath(), "localhost/test:latest", id, "show", "wait")
	if got := must("task", "exec", "--exec-id", "x", id, "sh", "-c", "echo $$ $(show exit 0 | busybox wc -l)"); !strings.Contains(got, " ") {
		t.Errorf("exec: %q", got)
	}
	if got := must("task", "metrics", id); !strings.Contains(got, "memory") && !strings.Contains(got, "cpu") {
		t.Errorf("metrics: %q", got)
	}
	must("task", "pause", id)
	if got := must("task", "ls"); !strings.Contains(got, "PAUSED") {
		t.Errorf("paused: %q", got)
	}
	must("task", "resume", id)
	must("task", "kill", "-s", "TERM", id)
	until(t, "it has ended", func() bool { return !strings.Contains(must("task", "ls"), "RUNNING") })
	if got := ctr("task", "rm", id); got.status != 3 && got.status != 0 {
		t.Errorf("remove: %+v", got)
	}
	must("container", "rm", id)

	// Many at a time.
	const many = 10
	results := make(chan answer, many)
	for n := range many {
		go func() { results <- ctr(runs(e.id+strconv.Itoa(n), "show", "exit", strconv.Itoa(n))...) }()
	}
	var statuses []int
	for range many {
		got := <-results
		statuses = append(statuses, got.status)
	}
	slices.Sort(statuses)
	for n, status := range statuses {
		if n != status {
			t.Errorf("statuses of %d containers at once: %v", many, statuses)
			break
		}
	}
	e.expectNothingLeft()
}

// expectNothingLeft looks for what the runtime keeps of containers that are gone.
func (e *engine) expectNothingLeft() {
	e.t.Helper()
	kept, _ := filepath.Glob("/run/walisup-oci/*/*/bundle")
	for _, file := range kept {
		if text, _ := os.ReadFile(file); strings.HasPrefix(string(text), e.dir) {
			e.t.Errorf("left: %s", filepath.Dir(file))
		}
	}
}

// until waits for a condition that another process brings about.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a minute: %s: no", what)
		}
	}
}
