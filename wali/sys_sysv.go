package wali

import "golang.org/x/sys/unix"

// System V semaphores, message queues and shared memory. The structs are made
// of 64-bit longs and are the kernel's; where the guest has a size_t of 4 bytes
// and padding, the kernel's 8 bytes hold the same on a little-endian machine.

// ipc64 is the flag by which some C libraries ask for the structs that a
// 64-bit kernel always uses. Such a kernel does not know it.
const ipc64 = 0x100

// Commands of semctl that take a pointer. Source: linux/sem.h, linux/ipc.h.
const (
	ipcSet     = 1
	ipcStat    = 2
	ipcInfo    = 3
	semGetAll  = 13
	semSetAll  = 17
	semStat    = 18
	semInfo    = 19
	semStatAny = 20
)

// sysSemctl passes the fourth argument, a union, by what the command takes it
// for.
func sysSemctl(t *Thread, a Args) int64 {
	cmd := a.Int(2) &^ ipc64
	arg := uintptr(uint32(a[3]))
	switch cmd {
	case semGetAll, semSetAll, semStat, semStatAny, semInfo, ipcStat, ipcSet, ipcInfo:
		arg = t.Memory.Host(uint32(a[3]))
	}
	return t.semctl(a, cmd, arg)
}

func sysMsgctl(t *Thread, a Args) int64 {
	cmd := a.Int(1) &^ ipc64
	return t.call(unix.SYS_MSGCTL, uintptr(a[0]), uintptr(cmd), t.Memory.Host(a.Ptr(2)), 0, 0, 0)
}

func sysShmctl(t *Thread, a Args) int64 {
	cmd := a.Int(1) &^ ipc64
	return t.call(unix.SYS_SHMCTL, uintptr(a[0]), uintptr(cmd), t.Memory.Host(a.Ptr(2)), 0, 0, 0)
}
