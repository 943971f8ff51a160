package wali

import "golang.org/x/sys/unix"

// Layouts of struct semid_ds after the permissions, which are the same. Source:
// x86-64's asm/sembuf.h, which is the guest's; asm-generic/sembuf.h for the
// kernel's.
//
//	field   guest  kernel
//	otime      48      48
//	ctime      64      56
//	nsems      80      64
const (
	guestSemidDs = 104
	hostSemidDs  = 88
)

// semctl is semctl(2) with arg as the kernel takes it, a pointer or a number.
func (t *Thread) semctl(a Args, cmd int32, arg uintptr) int64 {
	switch cmd {
	case ipcStat, semStat, semStatAny:
	default:
		// For IPC_SET the kernel looks at the permissions only, and reads
		// less than a guest's struct has.
		return t.call(unix.SYS_SEMCTL, uintptr(a[0]), uintptr(a[1]), uintptr(cmd), arg, 0, 0)
	}
	host, guest := t.alloc(hostSemidDs), t.alloc(guestSemidDs)
	r := t.call(unix.SYS_SEMCTL, uintptr(a[0]), uintptr(a[1]), uintptr(cmd), address(host), 0, 0)
	if r < 0 {
		return r
	}
	copy(guest, host[:56])
	copy(guest[64:], host[56:64])
	copy(guest[80:], host[64:72])
	if t.Memory.Write(uint32(a[3]), guest) != 0 {
		return errno(unix.EFAULT)
	}
	return r
}
