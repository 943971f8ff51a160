//go:build amd64 || arm64

package sigcatch

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// next waits for a signal.
func next(t *testing.T, c *Catcher) Info {
	t.Helper()
	poll := []unix.PollFd{{Fd: int32(c.FD()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(poll, 10_000); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		info, err := c.Read()
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
}

// The signals here include those that Go's runtime never blocks.
var caughtHere = []unix.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT, unix.SIGTERM, unix.SIGUSR1, unix.SIGTSTP, unix.Signal(64),
}

func TestCatchTellsTheSender(t *testing.T) {
	c, err := Catch(caughtHere)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, sig := range caughtHere {
		if err := unix.Kill(unix.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		if got, want := next(t, c), (Info{Signal: sig, Code: 0, Pid: os.Getpid()}); got != want {
			t.Errorf("own signal: got %+v, want %+v", got, want)
		}
	}
	sender := exec.Command("sh", "-c", "kill -TERM "+strconv.Itoa(os.Getpid()))
	if err := sender.Run(); err != nil {
		t.Fatal(err)
	}
	if got := next(t, c); got.Signal != unix.SIGTERM || got.Code > 0 || got.Pid != sender.Process.Pid {
		t.Errorf("other's signal: got %+v, want SIGTERM by %d", got, sender.Process.Pid)
	}
	if info, err := c.Read(); err != unix.EAGAIN {
		t.Errorf("with none left: %+v, %v, want EAGAIN", info, err)
	}
}

func TestCatchTellsTheKernel(t *testing.T) {
	c, err := Catch([]unix.Signal{unix.SIGALRM})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := unix.Setitimer(unix.ITIMER_REAL, unix.Itimerval{Value: unix.Timeval{Usec: 1000}}); err != nil {
		t.Fatal(err)
	}
	if got := next(t, c); got.Signal != unix.SIGALRM || got.Code <= 0 {
		t.Errorf("got %+v, want SIGALRM by the kernel", got)
	}
}

func TestCloseBringsBackTheRuntimesHandlers(t *testing.T) {
	notified := make(chan os.Signal, 1)
	signal.Notify(notified, unix.SIGUSR1)
	defer signal.Stop(notified)
	c, err := Catch([]unix.Signal{unix.SIGUSR1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Catch(nil); !errors.Is(err, ErrBusy) {
		t.Errorf("second Catch: %v, want ErrBusy", err)
	}
	if err := unix.Kill(unix.Getpid(), unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	next(t, c)
	c.Close()
	if err := unix.Kill(unix.Getpid(), unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	<-notified
}

// TestHammer sends signals while goroutines churn the stacks and the collector
// that a handler must leave alone.
func TestHammer(t *testing.T) {
	c, err := Catch([]unix.Signal{unix.SIGTERM})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stop := make(chan struct{})
	done := make(chan int)
	for range 2 {
		go func() {
			sum := 0
			for {
				select {
				case <-stop:
					done <- sum
					return
				default:
					sum += deep(100)
				}
			}
		}()
	}
	for range 2000 {
		if err := unix.Kill(unix.Getpid(), unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		next(t, c)
	}
	close(stop)
	<-done
	<-done
}

func deep(n int) int {
	buffer := make([]byte, 512)
	if n == 0 {
		return len(buffer)
	}
	return deep(n-1) + int(buffer[n])
}
