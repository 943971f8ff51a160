package channel

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hammerRole is the environment variable that makes the test binary a party of
// TestHammerKilledAnywhere: "process" or "supervisor". The channel is descriptor 3;
// the party says on descriptor 4 that it has begun.
const hammerRole = "WALISUP_TEST_CHANNEL_ROLE"

// hammerModules are told apart in every byte, and have different lengths.
var hammerModules = []string{"/" + strings.Repeat("a", 100), strings.Repeat("b", MaxModule), "/c", ""}

func TestMain(m *testing.M) {
	switch role := os.Getenv(hammerRole); role {
	case "":
		os.Exit(m.Run())
	default:
		c, err := Map(3)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		unix.Write(4, []byte{1})
		for i := 0; ; i++ {
			if role == "process" {
				hammerProcess(c, i)
			} else {
				hammerSupervisor(c)
			}
		}
	}
}

// hammerProcess is the life of a process as its parent and it itself write it.
func hammerProcess(c *Channel, i int) {
	module := func() string { return hammerModules[rand.IntN(len(hammerModules))] }
	self := os.Getpid()
	pid := self + i%1000<<20
	r := c.Claim(self, module())
	if rand.IntN(8) == 0 {
		c.Abandon(r, self)
		return
	}
	c.Adopt(r, pid)
	c.Report(r, pid)
	c.Forked(r)
	for range rand.IntN(3) {
		c.Begin(r, pid, module())
		c.ThreadStarted(r, pid, pid+1)
		c.ThreadEnded(r, pid, pid+1, 0)
	}
	if rand.IntN(2) == 0 {
		c.Exiting(r, pid, 0)
	}
	c.Reaped(pid, uint32(rand.IntN(256))<<8)
}

// hammerSupervisor frees what has ended, and tells about others.
func hammerSupervisor(c *Channel) {
	slots, _ := c.Slots(nil)
	for _, s := range slots {
		if s.State == Ended {
			c.Free(s.Ref)
		}
	}
	c.SetTrace(rand.IntN(2) == 0, []byte("settings"))
	c.Await(c.Bell(), time.Microsecond)
}

// TestHammerKilledAnywhere kills processes and supervisors of a channel at any
// instruction, while a reader looks on: it must never see what no party has
// written, and afterwards the channel must be as good as new.
func TestHammerKilledAnywhere(t *testing.T) {
	c, fd, err := Create("hammer")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	defer unix.Close(fd)
	file := os.NewFile(uintptr(fd), "channel")
	const kills = 60
	failed := make(chan error, 3)
	for _, role := range []string{"process", "process", "supervisor"} {
		go func() {
			for range kills {
				if err := hammerOnce(role, file); err != nil {
					failed <- fmt.Errorf("%s: %w", role, err)
					return
				}
			}
			failed <- nil
		}()
	}
	cursor := c.Events(false)
	seen := 0
	for parties := 3; parties > 0; {
		select {
		case err := <-failed:
			if err != nil {
				t.Error(err)
			}
			parties--
		default:
			seen += hammerLook(t, c, cursor)
		}
	}
	if seen == 0 || t.Failed() {
		t.Fatalf("%d events and slots seen", seen)
	}
	t.Logf("%d events and slots seen, %d events lost", seen, cursor.Lost())
	hammerRecovers(t, c)
}

// hammerOnce starts a party and kills it.
func hammerOnce(role string, channel *os.File) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hammerRole+"="+role)
	cmd.ExtraFiles = []*os.File{channel, write}
	cmd.Stderr = os.Stderr
	err = cmd.Start()
	write.Close()
	if err != nil {
		return err
	}
	if n, _ := read.Read(make([]byte, 1)); n == 1 {
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
	}
	cmd.Process.Kill()
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		return fmt.Errorf("ended by itself: %w", err)
	}
	return nil
}

// hammerLook checks everything that can be read.
func hammerLook(t *testing.T, c *Channel, cursor *Cursor) (seen int) {
	t.Helper()
	slots, err := c.Slots(nil)
	if err != nil {
		t.Errorf("slots: %v", err)
	}
	for _, s := range slots {
		seen++
		if s.State == Claimed {
			continue
		}
		known := false
		for _, m := range hammerModules {
			known = known || s.Module == m
		}
		if !known || s.Creator != s.PID&(1<<20-1) || s.Before < s.NotBefore {
			t.Errorf("slot %+v", s)
		}
	}
	for range Events {
		e, ok := cursor.Next()
		if !ok {
			break
		}
		seen++
		if time.Since(e.Time) > time.Hour || !e.Ref.Valid() {
			t.Errorf("event %+v", e)
		}
	}
	if cursor.Damaged() != 0 {
		t.Errorf("%d damaged events", cursor.Damaged())
	}
	return seen
}

// hammerRecovers checks that a supervisor can use all of a channel whose processes
// are all dead.
func hammerRecovers(t *testing.T, c *Channel) {
	t.Helper()
	slots, err := c.Slots(nil)
	if err != nil {
		t.Error(err)
	}
	for _, s := range slots {
		c.store64(slotAt(s.Ref.Slot-1)+slotNotBefore, 0) // old enough to be swept
		c.End(s.Ref, s.PID, 9, Wait)
		c.Free(s.Ref)
	}
	c.Sweep(func(int) bool { return false })
	if left, _ := c.Slots(nil); len(left) != 0 {
		t.Errorf("%d slots are still in use, such as %+v", len(left), left[0])
	}
	for i := range Slots {
		if r := c.Claim(1, "/new"); !r.Valid() {
			t.Fatalf("slots leaked: only %d are left", i)
		}
	}
	cursor := c.Events(true)
	c.Emit(Event{Kind: Signal, PID: 1})
	if list := events(cursor); len(list) != 1 {
		t.Errorf("%d events after one was sent", len(list))
	}
	c.SetTrace(true, []byte("again"))
	buf := make([]byte, SettingsSize)
	if _, ok := c.TraceSettings(buf); !ok || string(buf[:6]) != "again\x00" {
		t.Errorf("trace settings %q", buf[:6])
	}
}
