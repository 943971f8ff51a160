package terminal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Each message (SOCK_SEQPACKET) to the server begins with one of these bytes; those from
// it are what the guest has written.
const (
	messageData = 'd' // what was typed
	messageSize = 's' // rows and columns, two bytes each, big endian
)

// messageMost is the largest message.
const messageMost = 32 << 10

// withAddress calls use with the address of a socket. The directory's own path may be too
// long for one.
func withAddress(dir, name string, use func(unix.Sockaddr) error) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return use(&unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", fd, name)})
}
