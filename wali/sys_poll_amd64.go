package wali

import "golang.org/x/sys/unix"

func (t *Thread) poll(fds, n, timeout uintptr) int64 {
	return t.block(unix.SYS_POLL, fds, n, timeout, 0, 0, 0)
}

// selectFDs is select(2), with the timeout, a struct timeval, still a guest
// pointer.
func (t *Thread) selectFDs(n, read, write, except uintptr, timeout uint32) int64 {
	return t.block(unix.SYS_SELECT, n, read, write, except, t.Memory.Host(timeout), 0)
}
