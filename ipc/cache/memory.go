package cache

import (
	"errors"
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

// SealedCopy returns a sealed memory file with the content of a file, which is close-on-exec
// and the caller's to close.
func SealedCopy(file int) (fd int, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(file, &st); err != nil {
		return -1, fmt.Errorf("copy a module: %w", err)
	}
	return SealedPart(file, st.Size)
}

// SealedPart is SealedCopy of the first size bytes of a file.
func SealedPart(file int, size int64) (fd int, err error) {
	if fd, err = NewMemory(); err != nil {
		return -1, fmt.Errorf("copy a module: %w", err)
	}
	if err = Copy(fd, file, size); err == nil {
		err = Seal(fd)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("copy a module: %w", err)
	}
	return fd, nil
}

// Copy copies the first size bytes of a file to an empty one.
func Copy(to, from int, size int64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err == nil && limit.Cur < uint64(size) {
		return unix.EFBIG // and no SIGXFSZ
	}
	for at := int64(0); at < size; {
		n, err := unix.Sendfile(to, from, &at, int(min(size-at, 1<<30)))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return errors.New("the file became shorter while it was read")
		}
	}
	return nil
}
