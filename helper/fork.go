package helper

import (
	"golang.org/x/sys/unix"

	"walisup/helper/duplicate"
	"walisup/wali"
	"walisup/wali/kernel"
)

// Fork implements wali.Forker.
func (t *thread) Fork(c wali.Clone) int64 {
	b := t.boot
	if b.channel.Stopped() {
		return -int64(unix.EAGAIN)
	}
	child := b.channel.Claim(t.pid, b.Module)
	r := duplicate.Fork(&duplicate.Call{
		Flags: c.Flags, ParentTID: c.ParentTID, ChildTID: c.ChildTID,
		Clone3: c.Args, Clone3Size: c.ArgsSize,
		Left: t.others(nil),
	})
	if r == 0 {
		pid := int(kernel.Syscall(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0))
		t.forked(pid)
		t.becomeChild(child, pid)
	} else {
		t.hasForked(child, r)
	}
	return r
}
