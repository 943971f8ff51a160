//go:build stress

package helper

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
)

// A stress build does at every chance what a helper does now and then: it collects,
// makes threads, stops and forks. Programs must not notice, but for the time. See make
// stress.

const (
	collectEvery  = 1
	collectMargin = 1 << 10
	maxGrowth     = 1
	fewThreads    = 0
)

var stressCalls atomic.Uint32

// stress is called where a thread holds no lock.
func (t *thread) stress() {
	switch stressCalls.Add(1) % 4 {
	case 1:
		t.stopOthers()
		t.resumeOthers()
	case 2:
		t.stressFork()
	case 3:
		if t.pool.onlyOne() {
			t.BeAlone()
		}
	}
}

// stressFork makes a child that ends at once.
func (t *thread) stressFork() {
	// A caught signal waits until the parent is through.
	mask, old := allBlocked, uint64(0)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&mask)),
		uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	defer setMask(old)
	stopped := t.StopOthers()
	t.Memory.Lock()
	pid := duplicate.Fork(&duplicate.Call{Left: t.others(nil)})
	if pid == 0 {
		if stressCalls.Load()%3 == 0 {
			if duplicate.Thaw() != nil {
				exit(1)
			}
		}
		exit(0)
	}
	t.Memory.Unlock()
	if stopped {
		t.ResumeOthers()
	}
	var status unix.WaitStatus
	for pid > 0 {
		if _, err := unix.Wait4(int(pid), &status, unix.WALL, nil); err != unix.EINTR {
			break
		}
	}
	if pid > 0 && status != 0 {
		die(unix.SIGABRT)
	}
}
