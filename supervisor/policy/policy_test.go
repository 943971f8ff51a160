package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"walisup/ipc"
	"walisup/ipc/sandbox"
)

// directory makes a directory with what the tests name. Its path has no symbolic links.
func directory(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"root/data", "outside"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "outside", "root/link": "data", "root/absolute": "/data", "root/up": "../../outside", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestResolve(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	root := filepath.Join(dir, "root")
	for _, c := range []struct {
		root, path, want string
	}{
		{"", dir + "/outside", dir + "/outside"},
		{"", dir + "/link", dir + "/outside"},
		{"", dir + "/link/../outside/.", dir + "/outside"},
		{root, "/data", "/data"},
		{root, "data", "/data"},
		{root, "/link", "/data"},
		{root, "/absolute", "/data"},
		{root, "/", "/"},
		{root, "/../../..", "/"},
		{"", "/proc/sys/kernel", "/proc/sys/kernel"},
	} {
		if got, err := resolve(c.root, c.path); err != nil || got != c.want {
			t.Errorf("%s in %q: %q, %v, want %q", c.path, c.root, got, err, c.want)
		}
	}
	for _, c := range []struct {
		root, path, says string
	}{
		{"", "", "no path"},
		{"", dir + "/missing", "no such file"},
		{"", dir + "/dangling", "no such file"},
		{root, "/up", "no such file"}, // ends at the root
		{root, dir, "no such file"},
		{dir + "/missing", "/", "no such file"},
		{"", "/proc/self", "the module is not"},
		{"", "/proc/self/fd", "the module is not"},
	} {
		if got, err := resolve(c.root, c.path); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s in %q: %q, %v, want %q", c.path, c.root, got, err, c.says)
		}
	}
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	r := Request{
		Read: []string{dir + "/link", dir + "/outside", dir + "/root"}, Write: []string{dir + "/root/data"},
		Connect: []string{"443", "80", "80"}, Listen: []string{"0", "8080"},
	}
	s, err := r.sandbox("")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Read, []string{dir + "/outside", dir + "/root"}) || !slices.Equal(s.Write, []string{dir + "/root/data"}) ||
		!slices.Equal(s.Connect, []uint16{80, 443}) || !slices.Equal(s.Listen, []uint16{0, 8080}) || s.Net {
		t.Errorf("got %+v", s)
	}
	for says, bad := range map[string]Request{
		"--allow-connect 0":       {Connect: []string{"0"}},
		"--allow-connect http":    {Connect: []string{"http"}},
		"--allow-listen 65536":    {Listen: []string{"65536"}},
		"--allow-read /missing":   {Read: []string{"/missing"}},
		"--allow-write /missing":  {Write: []string{"/missing"}},
		"--allow-net allows all ": {Net: true, Listen: []string{"80"}},
	} {
		if s, err := bad.sandbox(""); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %+v, %v, want %q", bad, s, err, says)
		}
	}
	for _, r := range []Request{{Sandbox: true}, {Net: true}, {Read: []string{"/"}}, {Write: []string{"/"}}, {Connect: []string{"1"}}, {Listen: []string{"1"}}} {
		if !r.sandboxed() {
			t.Errorf("%+v means no sandbox", r)
		}
	}
	if (&Request{Seccomp: "default"}).sandboxed() {
		t.Error("--seccomp alone means a sandbox")
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	if err := sandbox.CheckSeccomp(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	profile := write("profile", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mount"],"action":"SCMP_ACT_ERRNO"}]}`)
	for _, c := range []struct {
		seccomp   string
		sandboxed bool
		filters   int
		name      string
	}{
		{"", false, 0, ""}, {"none", false, 0, ""}, {"default", false, 1, "default"}, {profile, false, 1, profile},
		{"", true, 1, "default"}, {"default", true, 1, "default"}, {profile, true, 2, profile},
	} {
		confinement := ipc.NoConfinement()
		if c.sandboxed {
			confinement.Sandbox = &ipc.Sandbox{}
		}
		err := (&Request{Seccomp: c.seccomp}).addFilters(&confinement)
		if err != nil || len(confinement.Filters) != c.filters || confinement.Seccomp != c.name {
			t.Errorf("--seccomp %q, sandbox %v: %d filters of %q, %v, want %d of %q", c.seccomp, c.sandboxed,
				len(confinement.Filters), confinement.Seccomp, err, c.filters, c.name)
		}
	}
	confinement := ipc.NoConfinement()
	confinement.Sandbox = &ipc.Sandbox{}
	if err := (&Request{Seccomp: "none"}).addFilters(&confinement); err == nil {
		t.Error("a sandbox without a filter is possible")
	}
	for bad, says := range map[string]string{
		"missing": "want default, none, or a file", dir: "not a regular file", write("empty", ""): "", write("large", strings.Repeat(" ", largestProfile+1)): "too long",
		write("wrong", `{"defaultAction":"SCMP_ACT_NOTHING"}`): "SCMP_ACT_NOTHING",
	} {
		confinement := ipc.NoConfinement()
		if err := (&Request{Seccomp: bad}).addFilters(&confinement); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("--seccomp %s: %v, want %q", bad, err, says)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	c := ipc.NoConfinement()
	h, err := hostOf(&c)
	if err != nil || h.Major < 5 {
		t.Errorf("%+v, %v", h, err)
	}
	c.Sandbox = &ipc.Sandbox{}
	if inside, err := hostOf(&c); err != nil || inside.Capabilities&^sandbox.Kept(c.Sandbox) != 0 || inside.Capabilities&^h.Capabilities != 0 {
		t.Errorf("in a sandbox: %+v, %v", inside, err)
	}
	c.UID = 1000
	if other, err := hostOf(&c); err != nil || other.Capabilities != 0 {
		t.Errorf("of another user: %+v, %v", other, err)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	c := ipc.NoConfinement()
	err := (&Request{Sandbox: true}).Apply(&c)
	if lacks := sandbox.CheckLandlock(); lacks != nil {
		if err == nil || !strings.Contains(err.Error(), lacks.Error()) {
			t.Errorf("%v, want %v", err, lacks)
		}
		return
	}
	if err != nil || c.Sandbox == nil || len(c.Filters) != 1 || c.Seccomp != "default" {
		t.Errorf("%+v, %v", c, err)
	}
}
