package isolation

import (
	"errors"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The main goroutine alone runs inits, and is so kept in the main thread, which no test may
// move.
func init() { runtime.LockOSThread() }

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, good := range []Config{{}, {Memory: minMemory, CPUs: minCPUs, Pids: minPids}, {CPUs: maxCPUs, Pids: maxPids, Memory: math.MaxInt64}} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, bad := range []Config{
		{Memory: -1}, {Memory: minMemory - 1}, {CPUs: -1}, {CPUs: math.NaN()}, {CPUs: math.Inf(1)}, {CPUs: 0.001}, {Pids: -1},
		{Pids: minPids - 1}, {Pids: maxPids + 1},
	} {
		if err := bad.Check(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
		if o, err := Prepare(bad); err == nil {
			t.Errorf("%+v is prepared as %+v", bad, o)
		}
	}
	for _, name := range []string{"", "host", "none", "private"} {
		if n, err := ParseNetwork(name); err != nil || string(n) != name {
			t.Errorf("network %q: %q, %v", name, n, err)
		}
	}
	if n, err := ParseNetwork("None"); err == nil {
		t.Errorf("network None is taken as %q", n)
	}
}

func TestChangeOfLimits(t *testing.T) {
	t.Parallel()
	have := Config{Memory: 1 << 30, Pids: 100, Net: None}
	if got, want := have.With(&Config{Memory: 1 << 31, CPUs: 2}), (Config{Memory: 1 << 31, CPUs: 2, Pids: 100, Net: None}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := have.Allows(&Config{Memory: 1, Pids: 1}); err != nil {
		t.Error(err)
	}
	if err := have.Allows(&Config{Memory: 1, CPUs: 1}); !errors.Is(err, ErrNoLimits) || !strings.Contains(err.Error(), "cpu") {
		t.Errorf("a limit that there was not: %v", err)
	}
	if err := Cgroups(nil).Update(&Config{Memory: 1 << 30}); !errors.Is(err, ErrNoLimits) {
		t.Errorf("without cgroups: %v", err)
	}
}

func TestNothingIsIsolated(t *testing.T) {
	t.Parallel()
	var none *Objects
	o, err := Prepare(Config{Net: Host})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []*Objects{none, o} {
		if cgroup, err := o.Enter(); cgroup != -1 || err != nil {
			t.Errorf("entered %d, %v", cgroup, err)
		}
		if c := o.Cgroups(); len(c) != 0 || len(c.Directories()) != 0 {
			t.Errorf("cgroups %v", c)
		}
		o.Release()
		if err := o.Remove(); err != nil {
			t.Error(err)
		}
	}
}

// prepare makes what needs rights that the test may not have.
func prepare(t *testing.T, config Config) *Objects {
	t.Helper()
	o, err := Prepare(config)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EROFS) || err != nil && strings.Contains(err.Error(), "controller") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Remove() })
	return o
}

// inside runs a function in a thread that has entered o, and that ends.
func inside(t *testing.T, o *Objects, do func(cgroup int)) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked
		cgroup, err := o.Enter()
		if err == nil {
			do(cgroup)
			if cgroup >= 0 {
				unix.Close(cgroup)
			}
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestNetworks(t *testing.T) {
	for network, want := range map[Network][]string{None: {"lo"}, Private: {insideDevice, "lo"}} {
		t.Run(string(network), func(t *testing.T) {
			o := prepare(t, Config{Net: network})
			before, err := os.Readlink("/proc/self/ns/net")
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			inside(t, o, func(int) {
				if after, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || after == before {
					t.Errorf("network %s, %v, outside %s", after, err, before)
				}
				devices, err := net.Interfaces()
				if err != nil {
					t.Error(err)
				}
				for _, d := range devices {
					if d.Flags&net.FlagUp != 0 {
						names = append(names, d.Name)
					}
				}
			})
			slices.Sort(names)
			if !slices.Equal(names, want) {
				t.Errorf("devices %q, want %q", names, want)
			}
		})
	}
}

// TestCgroups puts a process into cgroups, finds and changes them, and removes them with the
// process in them.
func TestCgroups(t *testing.T) {
	o := prepare(t, Config{Memory: 64 << 20, Pids: 100})
	dirs := o.Cgroups().Directories()
	if len(dirs) == 0 {
		t.Fatal("there are none")
	}
	cmd := exec.Command("sleep", "1000")
	inside(t, o, func(cgroup int) {
		if cgroup >= 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: cgroup}
		}
		if err := cmd.Start(); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	config := Config{Memory: 64 << 20, Pids: 100}
	found := Of(cmd.Process.Pid, &config)
	if !slices.Equal(found.Directories(), dirs) {
		t.Errorf("found %q, want %q", found.Directories(), dirs)
	}
	if c := Of(cmd.Process.Pid, &Config{}); c != nil {
		t.Errorf("of an instance without limits: %v", c)
	}
	if err := found.Update(&Config{Pids: 200}); err != nil {
		t.Error(err)
	}
	set := false
	for _, dir := range dirs {
		if text, err := os.ReadFile(filepath.Join(dir, "pids.max")); err == nil {
			set = strings.TrimSpace(string(text)) == "200"
		}
	}
	if !set {
		t.Error("pids.max is not 200 in any of them")
	}
	joined, err := Prepare(Config{Memory: 64 << 20, Join: cmd.Process.Pid})
	if err != nil || joined.Cgroups() != nil || joined.Remove() != nil {
		t.Errorf("joined: %+v, %v", joined, err)
	}
	if err := RemoveDirectories(append(dirs, t.TempDir())); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process in them: %v", err)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
	if err := o.Remove(); err != nil {
		t.Errorf("once more: %v", err)
	}
}

// TestLauncherIsSpared kills what is in cgroups while a thread of the caller is still there.
func TestLauncherIsSpared(t *testing.T) {
	o := prepare(t, Config{Pids: 100})
	inside(t, o, func(int) {
		for _, dir := range o.Cgroups().Directories() {
			killCgroup(dir)
		}
	})
	if err := o.Remove(); err != nil {
		t.Error(err)
	}
}
