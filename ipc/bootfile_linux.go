package ipc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// WriteBoot puts the record into a new pipe and returns the descriptor to read it
// from, which is close-on-exec and the caller's to close.
//
// A pipe, because what is in it cannot change any more, and because no limit of
// a guest (RLIMIT_FSIZE) keeps it from being written to.
func WriteBoot(b *Boot) (fd int, err error) {
	data, err := b.MarshalBinary()
	if err != nil {
		return -1, err
	}
	var ends [2]int
	// Non-blocking: a user with very many pipes gets only small ones.
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return -1, fmt.Errorf("create boot record: %w", err)
	}
	n, err := unix.Write(ends[1], data)
	unix.Close(ends[1])
	if err == nil && n != len(data) {
		err = unix.ENOSPC
	}
	if err != nil {
		unix.Close(ends[0])
		return -1, fmt.Errorf("write boot record: %w", err)
	}
	return ends[0], nil
}

// ReadBoot takes the record out of the pipe at fd, which stays open. It fails if
// fd is not a pipe without a writer: anything else could change under the reader,
// or keep it waiting.
func ReadBoot(fd int) (*Boot, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("read boot record: descriptor %d: %w", fd, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, fmt.Errorf("%w: descriptor %d is not a pipe", ErrBoot, fd)
	}
	data := make([]byte, MaxBoot+1)
	size := 0
	for size < len(data) {
		n, err := unix.Read(fd, data[size:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read boot record: descriptor %d: %w", fd, err)
		}
		if n == 0 {
			break
		}
		size += n
	}
	b := new(Boot)
	if err := b.UnmarshalBinary(data[:size]); err != nil {
		return nil, err
	}
	return b, nil
}
