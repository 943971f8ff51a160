package ipc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// bootSeals forbid every change. F_SEAL_FUTURE_WRITE does what F_SEAL_WRITE does
// for a file that nobody has mapped, without waiting for all processors to let go
// of its pages, which takes a millisecond.
const bootSeals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE

// WriteBoot puts the record into a new sealed memory file and returns its
// descriptor, which is close-on-exec and the caller's to close.
func WriteBoot(b *Boot) (fd int, err error) {
	data, err := b.MarshalBinary()
	if err != nil {
		return -1, err
	}
	fd, err = createMemfd("walisup-boot")
	if err != nil {
		return -1, fmt.Errorf("create boot record: %w", err)
	}
	n, err := unix.Pwrite(fd, data, 0)
	if err == nil && n != len(data) {
		err = unix.ENOSPC
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, bootSeals)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("write boot record: %w", err)
	}
	return fd, nil
}

// ReadBoot reads the record from fd, which stays open. It fails if fd is not a
// sealed memory file: anything else could change under the reader.
func ReadBoot(fd int) (*Boot, error) {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return nil, fmt.Errorf("read boot record: descriptor %d: %w", fd, err)
	}
	if seals&bootSeals != bootSeals {
		return nil, fmt.Errorf("%w: descriptor %d is not sealed", ErrBoot, fd)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("read boot record: descriptor %d: %w", fd, err)
	}
	data := make([]byte, min(st.Size, MaxBoot+1))
	n, err := unix.Pread(fd, data, 0)
	if err != nil {
		return nil, fmt.Errorf("read boot record: descriptor %d: %w", fd, err)
	}
	b := new(Boot)
	if err := b.UnmarshalBinary(data[:n]); err != nil {
		return nil, err
	}
	return b, nil
}

// createMemfd asks for a file that can never be executed, which hardened
// systems (vm.memfd_noexec) insist on and kernels before 6.3 do not know.
func createMemfd(name string) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate(name, flags)
	}
	return fd, err
}
