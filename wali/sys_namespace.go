package wali

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// The helper keeps threads of its own once the guest has had a second thread. They do
// not count as the guest's: calls that want a process with one thread, and files that
// show how many there are, find none of them as long as the guest has only one itself.

// aloneFlags are the flags of unshare(2) that only a process with one thread may use.
const aloneFlags = unix.CLONE_NEWUSER | unix.CLONE_THREAD | unix.CLONE_SIGHAND | unix.CLONE_VM

// sysUnshare is unshare(2).
func sysUnshare(t *Thread, a Args) int64 {
	if a.Uint(0)&aloneFlags != 0 {
		t.Helper.BeAlone()
	}
	if a.Uint(0)&unix.CLONE_FILES != 0 {
		t.filesApart.Store(true)
	}
	return t.call(unix.SYS_UNSHARE, uintptr(a.Int(0)), 0, 0, 0, 0, 0)
}

// sysSetns is setns(2). A user, time or mount namespace takes no process with threads.
func sysSetns(t *Thread, a Args) int64 {
	t.Helper.BeAlone()
	return t.call(unix.SYS_SETNS, uintptr(a.Int(0)), uintptr(a.Int(1)), 0, 0, 0, 0)
}

// countsThreads prepares for opening a file if it is one that shows the threads of a
// process: the directory task, or stat or status, in /proc.
func (t *Thread) countsThreads(path uint32) {
	if !t.Helper.HasIdleThreads() {
		return
	}
	mark := t.scratchUsed
	name := bytes.TrimRight(t.pathAt(path), "/")
	t.scratchUsed = mark
	switch string(name[bytes.LastIndexByte(name, '/')+1:]) {
	case "task", "stat", "status":
		t.Helper.BeAlone()
	}
}
