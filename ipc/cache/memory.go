package cache

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// memoryName is the name of memory files with entries. Guests are kept from files of
// such names, see wali's fileGuard.
const memoryName = "walisup-compiled"

// NewMemory returns a new memory file for an entry, which is close-on-exec and the
// caller's to close.
func NewMemory() (fd int, err error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err = unix.MemfdCreate(memoryName, flags|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL { // before Linux 6.3
		fd, err = unix.MemfdCreate(memoryName, flags)
	}
	return fd, err
}

// Seal forbids every change of a memory file, for whoever has it or can open it by way
// of /proc. It fails with EBUSY while somebody has mapped it for writing.
func Seal(fd int) error {
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal a compiled module: %w", err)
	}
	return nil
}
