package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// CodeKind says what a message of the code service means.
type CodeKind uint32

// The kinds of messages, and what descriptors come with them.
const (
	CodeAsk     CodeKind = 1 + iota // from a helper: the module, readable, and a socket for answers
	CodeWorking                     // the service has the request; it says so again and again
	CodeReady                       // with the compiled module
	CodeRefused                     // Errno says why the module cannot be executed
	CodeBusy                        // too much is asked for: the helper may compile by itself

	codeKinds
)

// CodeMessage is what helpers and the code service say to each other, see package
// supervisor/codeservice. Each is one packet of a SOCK_SEQPACKET socket.
type CodeMessage struct {
	Kind  CodeKind
	Errno unix.Errno // of CodeRefused
	Role  Role       // of CodeAsk: what the module is to be compiled for
}

const (
	codeMagic = 0x43434c57 // "WLCC"

	// CodeMessageSize is the size of an encoded message: u32 magic, u32 kind, u32
	// errno, u32 role, all little-endian.
	CodeMessageSize = 16

	// MaxCodeRights is how many descriptors come with a message at most.
	MaxCodeRights = 2

	maxErrno = 4095 // include/linux/err.h
)

// ErrCode is the error of every bad message.
var ErrCode = errors.New("bad message of the code service")

// rights is how many descriptors come with a message of a kind.
func (k CodeKind) rights() int {
	switch k {
	case CodeAsk:
		return 2
	case CodeReady:
		return 1
	}
	return 0
}

// decode reads a message that anyone may have written.
func (m *CodeMessage) decode(b []byte, rights int) error {
	le := binary.LittleEndian
	if len(b) != CodeMessageSize || le.Uint32(b) != codeMagic || le.Uint32(b[12:]) > uint32(maxRole) {
		return fmt.Errorf("%w: %d bytes: % x", ErrCode, len(b), b[:min(len(b), CodeMessageSize)])
	}
	got := CodeMessage{Kind: CodeKind(le.Uint32(b[4:])), Errno: unix.Errno(le.Uint32(b[8:])), Role: Role(le.Uint32(b[12:]))}
	switch {
	case got.Kind < CodeAsk || got.Kind >= codeKinds:
		return fmt.Errorf("%w: kind %d", ErrCode, got.Kind)
	case (got.Kind == CodeRefused) != (got.Errno != 0) || got.Errno > maxErrno:
		return fmt.Errorf("%w: kind %d with errno %d", ErrCode, got.Kind, int(got.Errno))
	case got.Kind != CodeAsk && got.Role != 0:
		return fmt.Errorf("%w: kind %d with role %d", ErrCode, got.Kind, got.Role)
	case rights != got.Kind.rights():
		return fmt.Errorf("%w: kind %d with %d descriptors", ErrCode, got.Kind, rights)
	}
	*m = got
	return nil
}

// SendCode sends a message with the descriptors that belong to it, and does not wait:
// EAGAIN means that the other side has no room.
func SendCode(socket int, m CodeMessage, rights ...int) error {
	var b [CodeMessageSize]byte
	le := binary.LittleEndian
	le.PutUint32(b[0:], codeMagic)
	le.PutUint32(b[4:], uint32(m.Kind))
	le.PutUint32(b[8:], uint32(m.Errno))
	le.PutUint32(b[12:], uint32(m.Role))
	var oob []byte
	if len(rights) > 0 {
		oob = unix.UnixRights(rights...)
	}
	return unix.Sendmsg(socket, b[:], oob, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// ReceiveCode waits for a message. Its descriptors are close-on-exec and the caller's
// to close. The error is EPIPE if the other side is gone, and wraps ErrCode if what
// came is no message; no descriptor is left open then.
func ReceiveCode(socket int) (m CodeMessage, rights []int, err error) {
	// One byte and one descriptor more than there can be tell of too much.
	var b [CodeMessageSize + 1]byte
	oob := make([]byte, unix.CmsgSpace(4*(MaxCodeRights+1)))
	var n, oobn, flags int
	for {
		n, oobn, flags, _, err = unix.Recvmsg(socket, b[:], oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return m, nil, err
	}
	rights, damaged := receivedRights(oob[:oobn])
	switch {
	case n == 0 && len(rights) == 0:
		err = unix.EPIPE
	case damaged || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = fmt.Errorf("%w: too long, or with too many descriptors", ErrCode)
	default:
		err = m.decode(b[:n], len(rights))
	}
	if err != nil {
		for _, fd := range rights {
			unix.Close(fd)
		}
		return CodeMessage{}, nil, err
	}
	return m, rights, nil
}

// receivedRights returns all descriptors among control messages, and whether there
// is anything else.
func receivedRights(oob []byte) (rights []int, damaged bool) {
	messages, err := unix.ParseSocketControlMessage(oob)
	damaged = err != nil
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			damaged = true
			continue
		}
		rights = append(rights, fds...)
	}
	return rights, damaged
}
