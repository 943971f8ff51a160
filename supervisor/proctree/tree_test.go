package proctree

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor/procfs"
)

// scenarioName is the environment variable that makes the test binary a supervisor: a
// process that waits for all its children cannot be the one that runs the tests.
const scenarioName = "WALISUP_TEST_TREE_SCENARIO"

// scenarios are what such a supervisor does.
var scenarios = map[string]func(t *Tree) error{
	"status of the first process":     statusScenario,
	"stopped and continued":           stopScenario,
	"daemons end with the tree":       daemonScenario,
	"processes that fork all along":   forkScenario,
	"killed, parent does not wait":    func(t *Tree) error { return endScenario(t, "trap : CHLD", channel.Kernel) },
	"killed, parent ignores SIGCHLD":  func(t *Tree) error { return endScenario(t, "trap '' CHLD", channel.Kernel) },
	"killed, an orphan by then":       orphanScenario,
	"ended, the kernel says no more":  untoldScenario,
	"two that are waited for":         twoScenario,
	"orders not to fork end":          orderScenario,
	"without a channel":               noChannelScenario,
	"closed while something happens":  closeScenario,
	"slots of the ended are given up": freeScenario,
}

func TestMain(m *testing.M) {
	name := os.Getenv(scenarioName)
	if name == "" {
		os.Exit(m.Run())
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		panic(err)
	}
	t := New("test", int(self.Fd()), 100)
	if t.Problem() != nil {
		fmt.Println(t.Problem())
		os.Exit(1)
	}
	err = scenarios[name](t)
	if killed := t.Kill(20 * time.Second); err == nil {
		err = killed
	}
	t.Close()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestSupervisor(t *testing.T) {
	t.Parallel()
	for name := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.HasSuffix(name, "ignores SIGCHLD") && !procfs.TellsStatus() {
				t.Skip("this kernel does not tell the exit status of who was not waited for")
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), scenarioName+"="+name)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// shell starts a script as a first process of the tree. Its descriptor 3 is the pipe
// that the result reads from.
func shell(t *Tree, script string) (pid int, output *os.File, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	defer write.Close()
	r := t.Claim("/bin/sh")
	pid, err = syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2, write.Fd()},
	})
	if err != nil {
		return 0, nil, err
	}
	t.Started(r, pid)
	return pid, read, nil
}

// readNumber reads a line with a pid.
func readNumber(f *os.File) (int, error) {
	var line []byte
	var b [1]byte
	for {
		n, err := f.Read(b[:])
		if err != nil || n != 1 {
			return 0, fmt.Errorf("after %q: %w", line, err)
		}
		if b[0] == '\n' {
			return strconv.Atoi(strings.TrimSpace(string(line)))
		}
		line = append(line, b[0])
	}
}

// until calls f until it is true; what takes a minute is never going to happen.
func until(what string, f func() bool) error {
	for deadline := time.Now().Add(time.Minute); !f(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func expectStatus(t *Tree, pid int, want unix.WaitStatus) error {
	ws, err := t.Wait(pid)
	if err != nil || ws != want {
		return fmt.Errorf("status %#x, %v, want %#x", ws, err, want)
	}
	return nil
}

func find(s Snapshot, pid int) *Process {
	i := slices.IndexFunc(s.Processes, func(p Process) bool { return p.PID == pid })
	if i < 0 {
		return nil
	}
	return &s.Processes[i]
}

func statusScenario(t *Tree) error {
	pid, _, err := shell(t, "exit 7")
	if err != nil {
		return err
	}
	if err := expectStatus(t, pid, 7<<8); err != nil {
		return err
	}
	p := find(t.Snapshot(), pid)
	if p == nil || p.Status != 7<<8 || p.Source != channel.Wait || p.Ended.IsZero() || p.Creator != os.Getpid() || p.Module != "/bin/sh" {
		return fmt.Errorf("in the table: %+v", p)
	}
	if _, err := t.Wait(pid); !errors.Is(err, unix.ECHILD) {
		return fmt.Errorf("a second wait: %w, want ECHILD", err)
	}
	return nil
}

func stopScenario(t *Tree) error {
	pid, _, err := shell(t, "kill -STOP $$; exit 3")
	if err != nil {
		return err
	}
	ws, err := t.Wait(pid)
	if err != nil || !ws.Stopped() {
		return fmt.Errorf("%#x, %w, want stopped", ws, err)
	}
	if p := find(t.Snapshot(), pid); p == nil || p.State != 'T' {
		return fmt.Errorf("stopped: %+v", p)
	}
	unix.Kill(pid, unix.SIGCONT)
	return expectStatus(t, pid, 3<<8)
}

func daemonScenario(t *Tree) error {
	pid, out, err := shell(t, `
		setsid sh -c 'trap "" TERM HUP INT; echo $$ >&3; (sleep 1000 & echo $! >&3); sleep 1000' &
		read none <<-end
		end
		exit 0`)
	if err != nil {
		return err
	}
	daemon, err := readNumber(out)
	if err != nil {
		return err
	}
	grandchild, err := readNumber(out)
	if err != nil {
		return err
	}
	if err := expectStatus(t, pid, 0); err != nil {
		return err
	}
	err = until("the orphans are ours", func() bool {
		s := t.Snapshot()
		a, b := find(s, daemon), find(s, grandchild)
		return a != nil && b != nil && a.Parent == os.Getpid() && b.Parent == os.Getpid() && a.Native && b.Alive()
	})
	if err != nil {
		return fmt.Errorf("%w: %+v", err, t.Snapshot().Processes)
	}
	if err := t.Kill(time.Minute); err != nil {
		return err
	}
	for _, pid := range []int{daemon, grandchild} {
		if err := unix.Kill(pid, 0); err != unix.ESRCH {
			return fmt.Errorf("process %d after Kill: %w", pid, err)
		}
	}
	return nil
}

// forkScenario: each process makes the next and ends, so that whoever looks may find
// only those that are no more.
func forkScenario(t *Tree) error {
	for range 3 {
		_, out, err := shell(t, `f() { echo 1 >&3; f & }; f; f`)
		if err != nil {
			return err
		}
		if _, err := readNumber(out); err != nil {
			return err
		}
		// No longer read, which must not be what ends it.
		go func() {
			for {
				if _, err := readNumber(out); err != nil {
					return
				}
			}
		}()
	}
	return t.Kill(time.Minute)
}

// endScenario: a process that the supervisor cannot wait for is killed.
func endScenario(t *Tree, trap string, want channel.Source) error {
	r := t.Claim("/bin/sleep") // before there is the process, as a helper does
	_, out, err := shell(t, trap+`; sleep 1000 & echo $! >&3; exec sleep 1001`)
	if err != nil {
		return err
	}
	pid, err := readNumber(out)
	if err != nil {
		return err
	}
	t.channel.Adopt(r, pid)
	t.channel.Report(r, pid)
	err = until("it is watched", func() bool {
		t.lock.Lock()
		defer t.lock.Unlock()
		return t.byRef[r] != nil
	})
	if err != nil {
		return err
	}
	unix.Kill(pid, unix.SIGKILL)
	return expectEnd(t, r, want)
}

// list puts a process into the table that does not exist.
func list(t *Tree, pid int) channel.Ref {
	r := t.Claim("/bin/sleep")
	t.channel.Adopt(r, pid)
	t.channel.Report(r, pid)
	return r
}

// expectEnd waits for process r's end by SIGKILL to be known, from want or better.
func expectEnd(t *Tree, r channel.Ref, want channel.Source) error {
	var s channel.Slot
	err := until("its end is known", func() bool {
		s, _, _ = t.channel.Slot(r)
		return s.State == channel.Ended
	})
	if err != nil || s.Status != uint32(unix.SIGKILL) || s.Source < want {
		return fmt.Errorf("%w: %v says %#x, want at least %v", err, s.Source, s.Status, want)
	}
	return nil
}

func orphanScenario(t *Tree) error {
	r := t.Claim("/bin/sleep")
	first, out, err := shell(t, `(sleep 1000 & echo $! >&3)`)
	if err != nil {
		return err
	}
	pid, err := readNumber(out)
	if err != nil {
		return err
	}
	t.channel.Adopt(r, pid)
	if err := expectStatus(t, first, 0); err != nil {
		return err
	}
	// Somebody has to wait, as a supervisor always does.
	other, _, err := shell(t, "kill -9 "+strconv.Itoa(pid)+"; while kill -0 "+strconv.Itoa(pid)+"; do :; done 2>/dev/null")
	if err != nil {
		return err
	}
	if err := expectStatus(t, other, 0); err != nil {
		return err
	}
	return expectEnd(t, r, channel.Wait)
}

// untoldScenario: of a process that has been waited for by the time that its pidfd is
// looked at, Linux before 6.9 says nothing more.
func untoldScenario(t *Tree) error {
	if _, _, err := shell(t, "sleep 1000"); err != nil {
		return err
	}
	const pid = 1 << 22 // above all that there are
	r := list(t, pid)
	pidfd, err := unix.PidfdOpen(unix.Getpid(), 0) // of which there will be no event either
	if err != nil {
		return err
	}
	t.lock.Lock()
	t.openEpoll()
	w := &watched{ref: r, pid: pid, pidfd: pidfd}
	t.watched[int32(pidfd)], t.byRef[r] = w, w
	t.processEnds(w, false)
	t.lock.Unlock()
	return until("it is over", func() bool {
		s, _, _ := t.channel.Slot(r)
		t.lock.Lock()
		defer t.lock.Unlock()
		return s.State == channel.Ended && t.byRef[r] == nil && t.watched[int32(pidfd)] == nil
	})
}

func twoScenario(t *Tree) error {
	done := make(chan error, 8)
	for i := range cap(done) {
		pid, _, err := shell(t, "exit "+strconv.Itoa(i))
		if err != nil {
			return err
		}
		go func() { done <- expectStatus(t, pid, unix.WaitStatus(i<<8)) }()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}

func orderScenario(t *Tree) error {
	if _, _, err := shell(t, "sleep 1000"); err != nil {
		return err
	}
	if err := t.Kill(time.Minute); err != nil {
		return err
	}
	if t.channel.Stopped() {
		return errors.New("no helper may fork any more")
	}
	return nil
}

func noChannelScenario(t *Tree) error {
	t.Close()
	t = newTree()
	t.problem = errors.New("for a test")
	pid, _, err := shell(t, "sleep 1000 & exit 4")
	if err != nil {
		return err
	}
	if err := expectStatus(t, pid, 4<<8); err != nil {
		return err
	}
	err = until("sleep is in the tree", func() bool {
		s := t.Snapshot()
		return len(s.Processes) == 1 && s.Processes[0].Name == "sleep"
	})
	if err != nil {
		return err
	}
	if f := t.Sources()[0]; f.InUse || f.Detail != "for a test" {
		return fmt.Errorf("sources: %+v", f)
	}
	return t.Kill(time.Minute)
}

func closeScenario(t *Tree) error {
	for i := range 200 {
		list(t, 1<<22+i)
	}
	return nil
}

func freeScenario(t *Tree) error {
	if _, _, err := shell(t, "sleep 1000"); err != nil {
		return err
	}
	const many = 2000
	for i := range many {
		r := list(t, 1<<22+i)
		t.channel.End(r, 1<<22+i, 0, channel.Parent)
	}
	return until("room is made", func() bool {
		slots, _ := t.channel.Slots(nil)
		return len(slots) <= keepEnded+1
	})
}

func TestSources(t *testing.T) {
	t.Parallel()
	tree, err := adoptNew(t)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	var names []string
	for _, f := range tree.Sources() {
		names = append(names, f.Name)
		if f.Detail == "" {
			t.Errorf("%s: no detail", f.Name)
		}
	}
	if got := strings.Join(names, " "); got != "channel subreaper pidfd connector" {
		t.Errorf("sources: %s", got)
	}
}

// adoptNew takes over a channel without a supervisor.
func adoptNew(tb testing.TB) (*Tree, error) {
	tb.Helper()
	c, fd, err := channel.Create("test")
	if err != nil {
		return nil, err
	}
	c.Close()
	return Adopt(fd)
}

// TestLookBelievesOnlyTheKernel: a helper that was taken over puts a stranger into
// the table, whom a supervisor must not stop or kill for that.
func TestLookBelievesOnlyTheKernel(t *testing.T) {
	t.Parallel()
	c, fd, err := channel.Create("test")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := func(files ...*os.File) int {
		cmd := exec.Command("sleep", "1000")
		cmd.ExtraFiles = files
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		return cmd.Process.Pid
	}
	file := os.NewFile(uintptr(fd), "channel")
	defer file.Close()
	claim := func() channel.Ref { return c.Claim(os.Getpid(), "/app.wasm") }
	ours, theirs, late := claim(), claim(), claim()
	own, stranger, another := start(file), start(), start(file)
	c.Adopt(ours, own)
	c.Adopt(theirs, stranger)
	// Its number was used before, by a process that was made after this one.
	c.Adopt(late, another)
	c.End(late, another, 9, channel.Wait)

	s := TakeSnapshot(c, 0)
	if p := find(s, own); p == nil || !p.Alive() || p.Parent != os.Getpid() || p.Module != "/app.wasm" {
		t.Errorf("a process with the channel: %+v", p)
	}
	if p := find(s, stranger); p != nil {
		t.Errorf("a stranger: %+v", p)
	}
	if !errors.Is(s.Damage, channel.ErrDamaged) || !strings.Contains(s.Damage.Error(), strconv.Itoa(stranger)) {
		t.Errorf("damage: %v, want process %d named", s.Damage, stranger)
	}
	if p := find(s, another); p == nil || p.Alive() || p.Status != 9 {
		t.Errorf("an ended process whose number another has: %+v", p)
	}
}

// BenchmarkLook is what ps or top reads of an instance with so many processes.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c, fd, err := channel.Create("bench")
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			file := os.NewFile(uintptr(fd), "channel")
			defer file.Close()
			c.SetHelper(channel.Helper{FD: 3})
			for range n {
				r := c.Claim(os.Getpid(), "/app.wasm")
				cmd := exec.Command("sleep", "1000")
				cmd.ExtraFiles = []*os.File{file}
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				defer cmd.Wait()
				defer cmd.Process.Kill()
				c.Adopt(r, cmd.Process.Pid)
			}
			for b.Loop() {
				if s := TakeSnapshot(c, os.Getpid()); len(s.Processes) != n {
					b.Fatalf("%d processes", len(s.Processes))
				}
			}
		})
	}
}

// TestConnector: as root of the machine, the kernel tells us how processes end.
func TestConnector(t *testing.T) {
	t.Parallel()
	c, err := openConnector()
	if err != nil {
		t.Skipf("no process connector: %v", err)
	}
	defer c.socket.Close()
	want := map[int]uint32{}
	for _, script := range []string{"exit 7", "kill -9 $$", "kill -TERM $$"} {
		cmd := exec.Command("sh", "-c", script)
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) {
			t.Fatal(err)
		}
		want[cmd.Process.Pid] = uint32(exit.Sys().(syscall.WaitStatus))
	}
	for len(want) > 0 {
		pid, status, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if status == 0 {
			t.Errorf("process %d: an end without failure came through the filter", pid)
		}
		if w, ok := want[pid]; ok {
			if status != w {
				t.Errorf("process %d: %#x, want %#x", pid, status, w)
			}
			delete(want, pid)
		}
	}
}
