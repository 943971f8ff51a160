package codeservice

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// isNameless reports whether fd is one end of a pair of sockets for packets. A socket
// that leads to a server might make that believe that we have something to say to it.
func isNameless(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return false
	}
	for _, call := range []uintptr{unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME} {
		var address unix.RawSockaddrAny
		size := uint32(unix.SizeofSockaddrAny)
		_, _, e := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&size)))
		// Names, those in the abstract namespace too, follow the family; unix(7).
		if e != 0 || address.Addr.Family != unix.AF_UNIX || uintptr(size) != unsafe.Sizeof(address.Addr.Family) {
			return false
		}
	}
	return true
}
