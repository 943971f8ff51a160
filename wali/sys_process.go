package wali

import "golang.org/x/sys/unix"

// sysExitGroup ends the process; exit_group(2).
func sysExitGroup(t *Thread, a Args) int64 {
	t.releaseAllRobust()
	t.Helper.Exiting(a.Int(0))
	t.call(unix.SYS_EXIT_GROUP, uintptr(a.Int(0)), 0, 0, 0, 0, 0)
	panic("wali: exit_group returned")
}
