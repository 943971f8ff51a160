package helper

import (
	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/wali"
	"walisup/wali/kernel"
)

// Fork implements wali.Helper.
func (t *thread) Fork(c wali.Clone) int64 {
	b := t.boot
	if b.channel.Stopped() {
		return -int64(unix.EAGAIN)
	}
	var vfork *duplicate.Vfork
	// Also a process with one guest thread may have others, which are about to end.
	if c.Flags&unix.CLONE_VFORK != 0 && !duplicate.Alone() {
		var e unix.Errno
		if vfork, e = duplicate.NewVfork(); e != 0 {
			return -int64(unix.EAGAIN)
		}
	}
	if c.Flags&unix.CLONE_VFORK != 0 {
		t.vfork = vfork
	}
	child := b.channel.Claim(t.pid, b.Module)
	r := duplicate.Fork(&duplicate.Call{
		Flags: c.Flags, ParentTID: c.ParentTID, ChildTID: c.ChildTID,
		Clone3: c.Args, Clone3Size: c.ArgsSize,
		Left: t.others(nil),
	})
	if r == 0 {
		if vfork != nil {
			vfork.Hold()
		}
		if t.vfork != vfork {
			t.vfork = vfork
		}
		pid := int(kernel.Syscall(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0))
		t.forked(pid)
		t.becomeChild(child, pid)
	} else {
		t.hasForked(child, r)
	}
	return r
}

// AwaitVfork implements wali.Helper.
func (t *thread) AwaitVfork(result int64) {
	if v := t.vfork; v != nil {
		t.vfork = nil
		v.Await(&t.Gate, int(result))
	}
}

// LetVforkGo implements wali.Helper.
func (t *thread) LetVforkGo() {
	if v := t.vfork; v != nil {
		t.vfork = nil
		v.LetGo()
	}
}

// aloneTries is how often BeAlone tries to set the runtime's threads aside, which fails
// as long as these are at work.
const aloneTries = 10

// BeAlone implements wali.Helper.
func (t *thread) BeAlone() {
	p := &t.pool
	// The process's first thread cannot end before the process.
	if p.alone() || unix.Gettid() != unix.Getpid() {
		return
	}
	t.stopOthers()
	defer t.resumeOthers()
	if !p.onlyOne() {
		return
	}
	for try := 0; try < aloneTries && !duplicate.Frozen(); try++ {
		duplicate.Freeze()
	}
	duplicate.AwaitAlone()
}

// HasIdleThreads implements wali.Helper.
func (t *thread) HasIdleThreads() bool { return !t.pool.alone() && t.pool.onlyOne() }
