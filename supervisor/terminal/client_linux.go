package terminal

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Client is a connection to the terminal of an instance.
type Client struct{ fd int }

// ErrNoServer means that nobody serves a terminal any more.
var ErrNoServer = errors.New("there is no terminal")

// Connect connects to the terminal whose socket is dir/name. The error wraps
// ErrNoServer if nobody listens there.
func Connect(dir, name string) (*Client, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = withAddress(dir, name, func(address unix.Sockaddr) error { return unix.Connect(fd, address) })
	if err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOENT) {
			return nil, ErrNoServer
		}
		return nil, os.NewSyscallError("connect", err)
	}
	return &Client{fd: fd}, nil
}

// Write types data, as an io.Writer.
func (c *Client) Write(data []byte) (int, error) {
	written := 0
	for written < len(data) {
		part := data[written:min(len(data), written+messageMost-1)]
		if err := unix.Send(c.fd, append([]byte{messageData}, part...), unix.MSG_NOSIGNAL); err != nil {
			return written, err
		}
		written += len(part)
	}
	return written, nil
}

// Resize tells the size of the caller's window.
func (c *Client) Resize(rows, columns uint16) error {
	message := binary.BigEndian.AppendUint16([]byte{messageSize}, rows)
	return unix.Send(c.fd, binary.BigEndian.AppendUint16(message, columns), unix.MSG_NOSIGNAL)
}

// Read returns what the guest has written; 0 bytes without an error at the end.
// buffer should be of 32 KiB at least: what does not fit is lost.
func (c *Client) Read(buffer []byte) (int, error) {
	for {
		n, err := unix.Read(c.fd, buffer)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// Close ends the connection, also for a Read in another goroutine.
func (c *Client) Close() error {
	unix.Shutdown(c.fd, unix.SHUT_RDWR)
	return unix.Close(c.fd)
}
