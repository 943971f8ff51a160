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
// descriptor, which is close-on-exec and the caller's to close. If the limit of the
// size of files forbids that, which holds for memory files too, the record waits in a
// socket.
func WriteBoot(b *Boot) (fd int, err error) {
	data, err := b.MarshalBinary()
	if err != nil {
		return -1, err
	}
	var limit unix.Rlimit
	if unix.Prlimit(0, unix.RLIMIT_FSIZE, nil, &limit) == nil && limit.Cur < uint64(len(data)) {
		return sendBoot(data)
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

// sendBoot puts a record into a socket whose other end is closed, and which can be read
// once. Unlike a pipe nobody can open it again, by /proc, and put another record there.
func sendBoot(data []byte) (fd int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("create boot record: %w", err)
	}
	err = unix.Send(fds[1], data, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	unix.Close(fds[1])
	if err != nil {
		unix.Close(fds[0])
		return -1, fmt.Errorf("write boot record: %w", err)
	}
	return fds[0], nil
}

// ReadBoot reads the record from fd, which stays open. It fails if fd is neither a
// sealed memory file nor what sendBoot has made: anything else could change under the
// reader.
func ReadBoot(fd int) (*Boot, error) {
	var data []byte
	var n int
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	switch {
	case err == nil && seals&bootSeals == bootSeals:
		var st unix.Stat_t
		if err = unix.Fstat(fd, &st); err == nil {
			data = make([]byte, min(st.Size, MaxBoot+1))
			n, err = unix.Pread(fd, data, 0)
		}
	case err == unix.EINVAL && isPacketSocket(fd):
		data = make([]byte, MaxBoot+1)
		n, _, err = unix.Recvfrom(fd, data, unix.MSG_DONTWAIT)
	case err == nil || err == unix.EINVAL:
		return nil, fmt.Errorf("%w: descriptor %d is not sealed", ErrBoot, fd)
	}
	if err != nil {
		return nil, fmt.Errorf("read boot record: descriptor %d: %w", fd, err)
	}
	b := new(Boot)
	if err := b.UnmarshalBinary(data[:n]); err != nil {
		return nil, err
	}
	return b, nil
}

func isPacketSocket(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_SEQPACKET
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
