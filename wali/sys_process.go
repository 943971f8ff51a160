package wali

import "golang.org/x/sys/unix"

// sysExitGroup ends the process; exit_group(2).
func sysExitGroup(t *Thread, a Args) int64 {
	t.releaseAllRobust()
	if t.Reporter != nil {
		t.Reporter.Exiting(a.Int(0))
	}
	t.call(unix.SYS_EXIT_GROUP, uintptr(a.Int(0)), 0, 0, 0, 0, 0)
	panic("wali: exit_group returned")
}

// Reporter hears how processes end. Its methods do not
// block.
type Reporter interface {
	// Exiting is called before the process ends with the status of exit_group.
	Exiting(status int32)
	// Reaped is called when a wait has returned the end of a child, with its
	// wait status.
	Reaped(pid int32, status uint32)
}
