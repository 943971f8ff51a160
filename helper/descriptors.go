package helper

import (
	"golang.org/x/sys/unix"

	"walisup/helper/report"
	"walisup/ipc"
)

// MoveReserved implements wali.Helper. A helper that this one executes finds its
// descriptors where they are then.
func (t *thread) MoveReserved() unix.Errno {
	t.stopOthers()
	defer t.resumeOthers()
	b := t.boot
	from, to := b.first, int(t.SpareFD)
	if from == to {
		return 0 // another thread was first
	}
	for i := range ipc.ReservedFDs {
		flags, err := unix.FcntlInt(uintptr(from+i), unix.F_GETFD, 0)
		if err == unix.EBADF {
			continue
		}
		if err == nil {
			err = unix.Dup3(from+i, to+i, flags&unix.FD_CLOEXEC*unix.O_CLOEXEC)
		}
		if err != nil {
			unix.CloseRange(uint(to), uint(to+i), 0)
			return errnoOf(err, unix.EBADF)
		}
	}
	b.first = to
	t.ReservedFD = uint32(to)
	if report.To >= 0 {
		report.To = to + ipc.ReportOffset
	}
	if t.tracer != nil {
		t.tracer.Redirect(to + ipc.TraceOffset)
	}
	unix.CloseRange(uint(from), uint(from+ipc.ReservedFDs-1), 0)
	return 0
}
