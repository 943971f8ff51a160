package duplicate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walisup/helper/mlist"
	"walisup/wali/safecopy"
)

// The tests run in processes of their own, which fork and freeze as they like:
// this program again, with the name of the scenario in its environment.
const scenarioVariable = "DUPLICATE_TEST_SCENARIO"

func TestMain(m *testing.M) {
	name := os.Getenv(scenarioVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	must(safecopy.Install())
	must(Install())
	scenarios[name]()
	exit(0)
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	for name := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), scenarioVariable+"="+name, "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
			if (strings.HasPrefix(name, "limit") || name == "no proc" || name == "pid namespace") && os.Getuid() != 0 {
				t.Skip("needs root")
			}
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			cmd.WaitDelay = time.Second
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			patience, err := time.ParseDuration(os.Getenv("WALISUP_TEST_PATIENCE"))
			if err != nil {
				patience = 2 * time.Minute
			}
			hung := time.AfterFunc(patience, func() { cmd.Process.Kill() })
			err = cmd.Wait()
			if !hung.Stop() {
				t.Error("hangs")
			}
			if err != nil || out.Len() > 0 {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}

// limitedUser is a user who has no other processes.
const limitedUser = 54321

var scenarios = map[string]func(){
	"frozen":          frozen,
	"generations":     func() { mustFreeze(); generations(3) },
	"busy":            func() { churn(); repeat(40, func() { generations(2) }) },
	"busy many procs": func() { runtime.GOMAXPROCS(4); churn(); repeat(20, func() { generations(1) }) },
	"many threads":    manyThreads,
	"foreign signals": foreignSignals,
	"main thread gone": func() {
		done := make(chan bool)
		go func() {
			runtime.LockOSThread()
			for !isZombie(unix.Getpid()) {
				runtime.Gosched()
			}
			repeat(20, func() { inChild(func() { work() }) })
			exit(0)
			close(done)
		}()
		runtime.Gosched()
		entersyscall()
		mlist.Self().SetID(mlist.None)
		unix.RawSyscall(unix.SYS_EXIT, 1, 0, 0)
	},
	"no proc":       noProc,
	"pid namespace": pidNamespace,
	"lost siginfo":  lostSiginfo,
	"limit":         atLimit,
	"limit of thaw": thawAtLimit,
	"freeze again": func() {
		repeat(200, func() {
			mustFreeze()
			must(Thaw())
			work()
		})
	},
	"goroutines wait": goroutinesWait,
}

// frozen checks that a frozen process and its children have one thread, and
// are whole after Thaw.
func frozen() {
	mustFreeze()
	for threads() != 1 {
	}
	if !Frozen() {
		fail("Frozen() = false")
	}
	repeat(100, func() {
		inChild(func() {
			if n := threads(); n != 1 {
				fail("%d threads in its child", n)
			}
		})
	})
	inChild(func() {
		must(Thaw())
		work()
		if threads() < 2 || Frozen() {
			fail("%d threads after Thaw", threads())
		}
		mustFreeze()
		inChild(func() {
			must(Thaw())
			work()
		})
	})
	must(Thaw())
	work()
}

// generations uses everything of the runtime and lets a child do the same, depth
// times.
func generations(depth int) {
	must(Thaw())
	work()
	if depth%2 == 1 {
		Freeze() // may fail while others are busy
	}
	if depth > 0 {
		inChild(func() { generations(depth - 1) })
	}
}

// work starts goroutines and threads, fills the heap and collects.
func work() {
	results := make(chan int)
	for range 4 {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			sum := 0
			for i := range 200 {
				b := make([]byte, 5000)
				b[i] = 1
				for _, v := range b {
					sum += int(v)
				}
			}
			results <- sum
		}()
	}
	for range 4 {
		if sum := <-results; sum != 200 {
			fail("sum %d", sum)
		}
	}
	timer := time.NewTimer(time.Millisecond)
	<-timer.C
	runtime.GC()
}

// churn keeps the collector and the floating-point registers busy.
func churn() {
	debug.SetGCPercent(50)
	for range 3 {
		go func() {
			keep := make([][]byte, 64)
			for n := 0; ; n++ {
				x := 1.0
				for i := 1; i < 2000; i++ {
					x = x/float64(i) + float64(i)
				}
				if x != expected {
					fail("arithmetic went wrong: %v", x)
				}
				keep[n%64] = make([]byte, 10000)
				runtime.Gosched()
			}
		}()
	}
}

var expected = func() float64 {
	x := 1.0
	for i := 1; i < 2000; i++ {
		x = x/float64(i) + float64(i)
	}
	return x
}()

// manyThreads forks with more threads than there are slots at first.
func manyThreads() {
	const n = 200
	var ready atomic.Int32
	var pipe [2]int
	must(unix.Pipe(pipe[:]))
	done := make(chan bool)
	for range n {
		go func() {
			runtime.LockOSThread()
			ready.Add(1)
			var b [1]byte
			for {
				_, err := unix.Read(pipe[0], b[:])
				if err == nil {
					break
				}
			}
			done <- true
		}()
	}
	for ready.Load() < n || threads() < n {
		runtime.Gosched()
	}
	repeat(5, func() { inChild(func() { must(Thaw()) }) })
	inChild(func() {
		must(Thaw())
		// They share the pipe with the parent's: only as many bytes as
		// threads of one process may be written.
		for range n {
			unix.Write(pipe[1], []byte{1})
		}
		// Some of the bytes go to the parent's threads.
	})
	unix.Write(pipe[1], make([]byte, n))
	for range n {
		<-done
	}
}

// foreignSignals checks that a SIGBUS that is not ours does not stop a thread,
// and that a late one of ours does nothing.
func foreignSignals() {
	go func() {
		runtime.LockOSThread()
		for {
			runtime.Gosched()
		}
	}()
	mustNot(alone())
	repeat(50, func() {
		inChild(func() {})
		for _, tid := range taskIDs() {
			if tid != unix.Gettid() {
				send(uint32(unix.Getpid()), uint32(tid))
			}
		}
	})
}

// noProc forks with threads where there is no /proc.
func noProc() {
	dir, err := os.MkdirTemp("", "")
	must(err)
	here, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY, 0)
	must(err)
	must(unix.Chroot(dir))
	must(unix.Chdir("/"))
	churn()
	repeat(5, func() { generations(2) })
	must(unix.Fchdir(here))
	must(unix.Chroot("."))
	must(unix.Rmdir(dir))
}

// pidNamespace forks with threads in a pid namespace whose /proc is another's.
func pidNamespace() {
	mustFreeze()
	for threads() != 1 {
	}
	must(unix.Unshare(unix.CLONE_NEWPID))
	inChild(func() {
		if pid := unix.Getpid(); pid != 1 {
			fail("process id %d in a new pid namespace", pid)
		}
		must(Thaw())
		churn()
		repeat(5, func() { generations(2) })
	})
}

// lostSiginfo forks with threads where the kernel queues no siginfo.
func lostSiginfo() {
	must(unix.Setrlimit(unix.RLIMIT_SIGPENDING, &unix.Rlimit{}))
	churn()
	repeat(20, func() { generations(2) })
}

// atLimit forks where the kernel has no room for another process.
func atLimit() {
	must(syscall.Setuid(limitedUser))
	mustFreeze()
	limit := unix.Rlimit{Cur: 1, Max: 100}
	must(unix.Setrlimit(unix.RLIMIT_NPROC, &limit))
	repeat(3, func() {
		if r := Fork(&Call{Flags: uintptr(unix.SIGCHLD)}); r != -int64(unix.EAGAIN) {
			fail("fork beyond the limit: %d", r)
		}
	})
	limit.Cur = 100
	must(unix.Setrlimit(unix.RLIMIT_NPROC, &limit))
	must(Thaw())
	limit.Cur = 1
	must(unix.Setrlimit(unix.RLIMIT_NPROC, &limit))
	repeat(3, func() {
		if r := Fork(&Call{Flags: uintptr(unix.SIGCHLD)}); r != -int64(unix.EAGAIN) {
			fail("fork with threads beyond the limit: %d", r)
		}
	})
	limit.Cur = 100
	must(unix.Setrlimit(unix.RLIMIT_NPROC, &limit))
	work()
	inChild(func() { must(Thaw()); work() })
}

// thawAtLimit brings threads back where the kernel has no room for them at
// first.
func thawAtLimit() {
	must(syscall.Setuid(limitedUser + 1))
	mustFreeze()
	limit := unix.Rlimit{Cur: 1, Max: 100}
	must(unix.Setrlimit(unix.RLIMIT_NPROC, &limit))
	if err := Thaw(); !errors.Is(err, unix.EAGAIN) {
		fail("Thaw beyond the limit: %v", err)
	}
	limit.Cur = 2
	must(unix.Setrlimit(unix.RLIMIT_NPROC, &limit))
	if err := Thaw(); !errors.Is(err, unix.EAGAIN) { // brings back one
		fail("Thaw beyond the limit: %v", err)
	}
	limit.Cur = 100
	must(unix.Setrlimit(unix.RLIMIT_NPROC, &limit))
	must(Thaw())
	work()
}

// goroutinesWait checks that goroutines which were waiting in a thread that was
// set aside go on after Thaw, in the parent and in the child.
func goroutinesWait() {
	ask, answer := make(chan int), make(chan int)
	go func() {
		for n := range ask {
			answer <- n + 1
		}
	}()
	check := func() {
		ask <- 41
		if n := <-answer; n != 42 {
			fail("answer %d", n)
		}
	}
	check()
	mustFreeze()
	inChild(func() { must(Thaw()); check() })
	must(Thaw())
	check()
	inChild(func() { must(Thaw()); check() })
	check()
}

// inChild runs f in a child process and waits for it.
func inChild(f func()) {
	pid := Fork(&Call{Flags: uintptr(unix.SIGCHLD)})
	switch {
	case pid < 0:
		fail("fork: %v", unix.Errno(-pid))
	case pid == 0:
		f()
		exit(42)
	}
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(int(pid), &status, 0, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			fail("wait: %v", err)
		}
	}
	if !status.Exited() || status.ExitStatus() != 42 {
		fail("child: exited %v %d, signal %v", status.Exited(), status.ExitStatus(), status.Signal())
	}
}

func repeat(n int, f func()) {
	if more, err := strconv.Atoi(os.Getenv("DUPLICATE_TEST_TIMES")); err == nil {
		n *= more
	}
	for range n {
		f()
	}
}

func taskIDs() (tids []int) {
	fd, err := unix.Open("/proc/self/task", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(err)
	defer unix.Close(fd)
	buf := make([]byte, 1<<16)
	n, err := unix.Getdents(fd, buf)
	must(err)
	_, _, names := unix.ParseDirent(buf[:n], -1, nil)
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		must(err)
		tids = append(tids, tid)
	}
	slices.Sort(tids)
	return tids
}

func threads() int { return len(taskIDs()) }

// isZombie reads a thread's state; proc(5), /proc/pid/stat.
func isZombie(tid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
	must(err)
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z")
}

func mustFreeze() {
	if !Freeze() {
		fail("Freeze gave up")
	}
}

func mustNot(b bool) {
	if b {
		fail("alone")
	}
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	pc, _, _, _ := runtime.Caller(1)
	text := fmt.Sprintf("%s: "+format+"\n", append([]any{runtime.FuncForPC(pc).Name()}, args...)...)
	unix.Write(2, []byte(text))
	exit(1)
}

func exit(status int) { unix.Exit(status) }
