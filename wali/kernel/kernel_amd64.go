package kernel

import "unsafe"

// isSyscallInstruction reports whether the two bytes at pc encode SYSCALL.
func isSyscallInstruction(pc uintptr) bool {
	code := *(*[2]byte)(*(*unsafe.Pointer)(unsafe.Pointer(&pc)))
	return code == [2]byte{0x0f, 0x05}
}
