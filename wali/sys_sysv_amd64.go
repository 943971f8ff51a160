package wali

import "golang.org/x/sys/unix"

// semctl is semctl(2) with arg as the kernel takes it, a pointer or a number.
// The guest's struct semid_ds is this architecture's.
func (t *Thread) semctl(a Args, cmd int32, arg uintptr) int64 {
	return t.call(unix.SYS_SEMCTL, uintptr(a[0]), uintptr(a[1]), uintptr(cmd), arg, 0, 0)
}
