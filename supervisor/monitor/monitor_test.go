package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor"
	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/internal/testguest"
	"walisup/supervisor/lifecycle"
	"walisup/supervisor/procfs"
)

// The main goroutine alone runs inits, and is so kept in the main thread, as package main
// of walisup does it.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	testguest.Main()
	os.Exit(m.Run())
}

// The tests of this file run monitors in the test's own process, one at a time: a monitor
// waits for all children of its process.

// create makes an instance of which the guest does what orders say.
func create(t *testing.T, change func(*instance.Record), orders ...string) *instance.Instance {
	t.Helper()
	helper, module := testguest.Program(t)
	store, err := instance.Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	boot, err := instance.BootID()
	if err != nil {
		t.Fatal(err)
	}
	r := instance.Record{
		Name: "test", Created: time.Now(), BootID: boot,
		Options: instance.Options{
			Detached: true, Restart: instance.RestartPolicy{When: instance.RestartNo}, StopSignal: int(unix.SIGTERM),
			StopTimeout: 10 * time.Second, LogSize: 1 << 20, LogFiles: 2,
		},
		Command: instance.Command{
			Argv0: "guest", Path: instance.Text(module), Args: instance.Texts(orders), Env: instance.Texts(testguest.Env()),
			Dir: "/", Helper: instance.Text(helper), NoFile: testguest.NoFile(), Rows: 24, Columns: 80,
		},
		State: instance.State{Phase: instance.Starting},
	}
	if r.State.Starter, err = procfs.Self(); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&r)
	}
	i, err := store.Create(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Register(); err != nil {
		t.Fatal(err)
	}
	return i
}

// look runs a monitor and returns what it reports and, when it has ended, its error.
func look(t *testing.T, i *instance.Instance, order string) (report func() startReport, ended <-chan error) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	m := &monitor{report: write, begun: time.Now(), signals: make(chan os.Signal, 64), events: make(chan runEvent, 4)}
	done := make(chan error, 1)
	go func() {
		err := m.run(i.Store().Dir(), i.ID, order)
		if err != nil {
			m.tell(err)
		}
		done <- err
	}()
	report = func() startReport {
		t.Helper()
		var r startReport
		if err := json.NewDecoder(read).Decode(&r); err != nil {
			t.Fatalf("no report: %v", err)
		}
		if r.Status == 0 {
			if err := i.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	return report, done
}

// running is look for an instance that starts well.
func running(t *testing.T, i *instance.Instance) (ended <-chan error) {
	t.Helper()
	report, ended := look(t, i, orderStart)
	if r := report(); r != (startReport{}) {
		t.Fatalf("it could not be started: %+v", r)
	}
	return ended
}

// finish waits for the end of a monitor and returns the last record.
func finish(t *testing.T, i *instance.Instance, ended <-chan error) *instance.State {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("monitor: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the monitor does not end")
	}
	if err := i.Reload(); err != nil {
		t.Fatal(err)
	}
	if i.State.Phase != instance.Exited || len(i.State.Problems) > 0 {
		t.Errorf("phase %s, problems %q", i.State.Phase, i.State.Problems)
	}
	self, err := procfs.Self()
	if err != nil {
		t.Fatal(err)
	}
	if left := procfs.Below(self); len(left) != 1 {
		t.Errorf("processes are left: %+v", left[1:])
	}
	return &i.State
}

// untilLog waits until the log has a text.
func untilLog(t *testing.T, i *instance.Instance, text string) {
	t.Helper()
	watch := control.NewWatch(i)
	defer watch.Close()
	for end := time.Now().Add(30 * time.Second); ; watch.Next(100 * time.Millisecond) {
		log, _ := os.ReadFile(i.File(instance.LogFile))
		if bytes.Contains(log, []byte(text)) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the log has no %q: %q", text, log)
		}
	}
}

func TestSignalAndStatus(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	i := create(t, func(r *instance.Record) { r.Options.PidFile = instance.Text(pidFile) },
		"ready", "trap:10", "say:set", "await", "exit:5")
	ended := running(t, i)
	untilLog(t, i, "set")
	if c := i.Condition(); c != (instance.Condition{Phase: instance.Running, Supervised: true}) {
		t.Errorf("condition %+v", c)
	}
	if data, err := os.ReadFile(pidFile); err != nil || strings.TrimSpace(string(data)) != fmt.Sprint(i.State.Main.Pid) {
		t.Errorf("pid file: %q, %v, want %d", data, err, i.State.Main.Pid)
	}
	snapshot := control.Snapshot(i)
	if len(snapshot.Processes) != 1 || snapshot.Processes[0].PID != i.State.Main.Pid || !snapshot.Processes[0].Alive() {
		t.Errorf("processes %+v, want %d alone", snapshot.Processes, i.State.Main.Pid)
	}
	events, err := control.NewEventReader(i, false)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	if err := control.Signal(i, unix.SIGUSR1, false); err != nil {
		t.Error(err)
	}
	if s := finish(t, i, ended); s.Status != 5 || !s.StatusKnown || s.Signal != 0 || s.Restarts != 0 {
		t.Errorf("it ended as %+v", s)
	}
	var exit *control.Event
	for e, ok := events.Await(func() bool { return false }); ok; e, ok = events.Await(func() bool { return false }) {
		if e.Kind == "exit" {
			exit = &e
		}
	}
	if exit == nil || exit.Pid != i.State.Main.Pid || exit.Status == nil || *exit.Status != 5 {
		t.Errorf("its end as an event: %+v", exit)
	}
	if _, err := os.Stat(pidFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the pid file is left: %v", err)
	}
	if err := control.Signal(i, unix.SIGUSR1, false); err == nil || !strings.Contains(err.Error(), "is not running") {
		t.Errorf("a signal afterwards: %v", err)
	}
}

func TestRestarts(t *testing.T) {
	i := create(t, func(r *instance.Record) {
		r.Options.Restart = instance.RestartPolicy{When: instance.RestartOnFailure, Most: 2}
	}, "ready", "say:run", "exit:1")
	if s := finish(t, i, running(t, i)); s.Status != 1 || s.Restarts != 2 {
		t.Errorf("it ended as %+v, want status 1 after 2 restarts", s)
	}
	if log, err := os.ReadFile(i.File(instance.LogFile)); err != nil || bytes.Count(log, []byte("run")) != 3 {
		t.Errorf("log %q, %v, want 3 runs", log, err)
	}
}

func TestStop(t *testing.T) {
	for name, c := range map[string]struct {
		orders  []string
		timeout time.Duration
		signal  unix.Signal
		policy  string
	}{
		"by its signal":     {[]string{"ready", "child", "say:set", "sleep"}, time.Minute, unix.SIGTERM, instance.RestartNo},
		"while it restarts": {[]string{"ready", "say:set", "sleep"}, time.Minute, unix.SIGTERM, instance.RestartAlways},
		"by force":          {[]string{"ready", "child", "trap:15", "say:set", "sleep"}, 50 * time.Millisecond, unix.SIGKILL, instance.RestartNo},
		"at once":           {[]string{"ready", "child", "say:set", "sleep"}, 0, unix.SIGKILL, instance.RestartAlways},
		"while it stands":   {[]string{"ready", "say:set", "stop", "sleep"}, time.Minute, unix.SIGTERM, instance.RestartNo},
	} {
		t.Run(name, func(t *testing.T) {
			i := create(t, func(r *instance.Record) { r.Options.Restart.When = c.policy }, c.orders...)
			ended := running(t, i)
			untilLog(t, i, "set")
			if err := control.Stop(i, c.timeout); err != nil {
				t.Error(err)
			}
			if s := finish(t, i, ended); s.Signal != int(c.signal) || s.Status != 128+int(c.signal) || s.Restarts != 0 {
				t.Errorf("it ended as %+v", s)
			}
			if err := control.Stop(i, 0); err != nil {
				t.Errorf("once more: %v", err)
			}
			if err := control.AwaitExit(i, 0); err != nil {
				t.Errorf("wait for an end that was: %v", err)
			}
		})
	}
}

func TestPause(t *testing.T) {
	i := create(t, nil, "ready", "child", "say:set", "sleep")
	ended := running(t, i)
	untilLog(t, i, "set")
	states := func() string {
		var s []byte
		for _, p := range control.Snapshot(i).Processes {
			s = append(s, p.State)
		}
		return string(s)
	}
	if err := control.Pause(i); err != nil || states() != "TT" || i.Condition().Phase != instance.Paused {
		t.Errorf("paused: %v, %s, %s", err, states(), i.Condition().Phase)
	}
	if err := control.Pause(i); err == nil {
		t.Error("it can be paused twice")
	}
	if _, err := control.Exec(i, supervisor.Spec{}); err == nil || !strings.Contains(err.Error(), "is paused") {
		t.Errorf("exec in it: %v", err)
	}
	if err := control.AwaitExit(i, 20*time.Millisecond); !errors.Is(err, control.ErrTime) {
		t.Errorf("wait for its end: %v, want ErrTime", err)
	}
	if err := control.Resume(i); err != nil || strings.Contains(states(), "T") || i.Condition().Phase != instance.Running {
		t.Errorf("resumed: %v, %s, %s", err, states(), i.Condition().Phase)
	}
	if err := control.Signal(i, unix.SIGKILL, true); err != nil {
		t.Error(err)
	}
	if s := finish(t, i, ended); s.Signal != int(unix.SIGKILL) {
		t.Errorf("it ended as %+v", s)
	}
}

func TestTerminal(t *testing.T) {
	i := create(t, func(r *instance.Record) { r.Options.Terminal = true }, "ready", "say:prompt", "echo", "exit:0")
	ended := running(t, i)
	c, err := control.Attach(i)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Resize(50, 100); err != nil {
		t.Error(err)
	}
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Error(err)
	}
	var seen []byte
	buffer := make([]byte, 1<<16)
	for n, err := c.Read(buffer); n > 0 && err == nil; n, err = c.Read(buffer) {
		seen = append(seen, buffer[:n]...)
	}
	if !bytes.Contains(seen, []byte("echo hello\r\n")) {
		t.Errorf("on the terminal: %q", seen)
	}
	if s := finish(t, i, ended); s.Status != 0 || !s.StatusKnown {
		t.Errorf("it ended as %+v", s)
	}
	untilLog(t, i, "echo hello")
	if _, err := control.Attach(i); !errors.Is(err, control.ErrNoTerminal) {
		t.Errorf("attach afterwards: %v", err)
	}
}

// TestFailedStarts looks at what is reported, and that nothing is left.
func TestFailedStarts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*instance.Record)
		orders []string
		status int
		says   string
	}{
		"helper fails":   {nil, []string{"say:walisup: broken module", "exit:126"}, 126, "broken module"},
		"helper is mute": {nil, []string{"die:9"}, 137, "the helper has ended (status 137)"},
		"no module":      {func(r *instance.Record) { r.Command.Path = "/missing" }, nil, 127, "no such file"},
		"no pid file":    {func(r *instance.Record) { r.Options.PidFile = "/missing/pid" }, nil, 125, "pid file"},
		"was stopped":    {func(r *instance.Record) { r.State.Stopped = true }, nil, 125, "stopped before it ran"},
	} {
		t.Run(name, func(t *testing.T) {
			i := create(t, c.change, c.orders...)
			report, ended := look(t, i, orderStart)
			if r := report(); r.Status != c.status || !strings.Contains(r.Message, c.says) {
				t.Errorf("reported %+v, want status %d and %q", r, c.status, c.says)
			}
			if err := <-ended; err == nil {
				t.Error("the monitor ended without an error")
			}
			if err := i.Reload(); !errors.Is(err, instance.ErrNotFound) {
				t.Errorf("its record: %v, want none", err)
			}
			if left := procfs.Children(os.Getpid()); len(left) != 0 {
				t.Errorf("processes %v are left", left)
			}
		})
	}
}

// TestAdopt takes over a guest whose monitor is gone, before its end and after it.
func TestAdopt(t *testing.T) {
	for name, late := range map[string]bool{"while it runs": false, "after its end": true} {
		t.Run(name, func(t *testing.T) {
			i := create(t, nil, "trap:10", "say:set", "await", "exit:4")
			var streams [3]int
			for n, file := range []string{"", instance.StdoutFile, instance.StderrFile} {
				var err error
				if streams[n], err = openFIFO(i.File(file+"0"), unix.O_NONBLOCK); n > 0 {
					unix.Close(streams[n])
					streams[n], err = openFIFO(i.File(file), 0)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			defer closeAll(streams)
			spec, err := control.SpecOf(&i.Command)
			if err != nil {
				t.Fatal(err)
			}
			spec.Session = &supervisor.Session{Streams: streams}
			g, err := supervisor.Start(spec)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Tree().Close()
			g.CloseReady()
			main, err := procfs.Of(g.Pid())
			if err != nil {
				t.Fatal(err)
			}
			err = i.Update(func(r *instance.Record) error {
				r.State.Starter, r.State.Monitor = procfs.Identity{}, procfs.Identity{Pid: 1, Start: 1 << 60}
				r.State.Main, r.State.Phase, r.State.Started = main, instance.Running, time.Now()
				return nil
			})
			if err != nil || !i.Orphaned() {
				t.Fatalf("%v, orphaned %v", err, i.Orphaned())
			}
			if late {
				unix.Kill(g.Pid(), unix.SIGKILL)
				g.Wait()
			}
			report, ended := look(t, i, orderAdopt)
			if r := report(); r != (startReport{}) {
				t.Errorf("reported %+v", r)
			}
			if late {
				// Nobody has seen how it ended, so there is nothing to look after.
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if err := i.Refresh(); err != nil || i.State.Phase != instance.Exited || i.State.StatusKnown {
					t.Errorf("%v, %+v", err, i.State)
				}
				return
			}
			if c := i.Condition(); !c.Supervised || i.Orphaned() {
				t.Errorf("condition %+v", c)
			}
			untilLog(t, i, "set")
			control.Signal(i, unix.SIGUSR1, false)
			g.Wait() // as init would
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if err := i.Reload(); err != nil || i.State.Phase != instance.Exited || i.State.StatusKnown && i.State.Status != 4 {
				t.Errorf("%v, it ended as %+v", err, i.State)
			}
			if !slices.ContainsFunc(i.State.Problems, func(p string) bool { return strings.Contains(p, "another took over") }) {
				t.Errorf("problems %q", i.State.Problems)
			}
		})
	}
}

// TestLeave is the end of a foreground instance for which others wait.
func TestLeave(t *testing.T) {
	i := create(t, func(r *instance.Record) { r.Options.Detached, r.State.Phase = false, instance.Running })
	self, err := procfs.Self()
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Update(func(r *instance.Record) error { r.State.Monitor = self; return nil }); err != nil {
		t.Fatal(err)
	}
	other, err := i.Store().Find("test")
	if err != nil {
		t.Fatal(err)
	}
	waiting, seen := make(chan struct{}), make(chan error, 1)
	go func() {
		first := true
		watch := control.NewWatch(other)
		defer watch.Close()
		for other.State.Phase != instance.Exited {
			if first {
				close(waiting)
				first = false
			}
			watch.Next(time.Second)
			if err := other.Reload(); err != nil {
				seen <- err
				return
			}
		}
		seen <- nil
	}()
	<-waiting
	if err := control.Leave(i, unix.WaitStatus(6<<8)); err != nil {
		t.Error(err)
	}
	if err := <-seen; err != nil || other.State.Status != 6 {
		t.Errorf("whoever waited saw %+v, %v", other.State, err)
	}
	if _, err := i.Store().Find("test"); !errors.Is(err, instance.ErrNotFound) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	var s instance.State
	for n := range 100 {
		addProblem(&s, fmt.Sprint(n))
		addProblem(&s, fmt.Sprint(n))
	}
	if len(s.Problems) != mostProblems || s.Problems[0] != "0" || s.Problems[mostProblems-1] != "99" {
		t.Errorf("%d problems: %q", len(s.Problems), s.Problems)
	}
	if got := endedBy(unix.WaitStatus(9)); got.Kind != lifecycle.Ended || got.Status != 137 || got.signal != unix.SIGKILL {
		t.Errorf("an end by SIGKILL is %+v", got)
	}
}
