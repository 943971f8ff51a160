package supervisor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// readSignal reads one pending signal from a signalfd.
func readSignal(fd int) (info unix.SignalfdSiginfo, err error) {
	buf := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
	n, err := unix.Read(fd, buf[:])
	if err == nil && n != len(buf) {
		err = unix.EIO
	}
	return info, err
}
