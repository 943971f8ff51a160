package proctree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
)

// connector hears from the kernel how every process of the machine ends
// (drivers/connector/cn_proc.c). It tells of those that ended before there was a
// pidfd for them. It takes CAP_NET_ADMIN, and the machine's own pid and network
// namespaces.
//
// A filter in the kernel lets through only ends of processes that failed or were
// killed: others wake nobody up.
type connector struct {
	socket *nl.NetlinkSocket
	lost   bool // the kernel has dropped messages
}

// connectorDelay is how old a tree is that gets a connector.
const connectorDelay = time.Second

// Constants of the process connector; linux/cn_proc.h and linux/connector.h.
const (
	connectorProcess = 1 // CN_IDX_PROC and CN_VAL_PROC
	connectorListen  = 1 // PROC_CN_MCAST_LISTEN
	eventNone        = 0
	eventExit        = 0x80000000

	// Offsets in a message: struct nlmsghdr, struct cn_msg, then struct
	// proc_event.
	atWhat     = 16 + 20
	atError    = atWhat + 16
	atPid      = atWhat + 16
	atTgid     = atPid + 4
	atExitCode = atTgid + 4
	exitSize   = atExitCode + 8
)

// answerTime is how long the kernel may take to say whether we may listen.
var answerTime = unix.Timeval{Sec: 2}

// openConnector fails if the caller may not listen.
func openConnector() (*connector, error) {
	socket, err := nl.Subscribe(unix.NETLINK_CONNECTOR, connectorProcess)
	if err != nil {
		return nil, err
	}
	c := &connector{socket: socket}
	if err := c.listen(); err != nil {
		socket.Close()
		return nil, err
	}
	return c, nil
}

func (c *connector) listen() error {
	filter := endsFilter()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(c.socket.GetFd(), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("filter events: %w", err)
	}
	var request nl.NetlinkRequest
	request.Type = unix.NLMSG_DONE
	request.Len = unix.SizeofNlMsghdr
	request.AddData(nl.NewCnMsg(connectorProcess, connectorProcess, connectorListen))
	if err := c.socket.Send(&request); err != nil {
		return fmt.Errorf("ask for events: %w", err)
	}
	c.socket.SetReceiveTimeout(&answerTime)
	defer c.socket.SetReceiveTimeout(&unix.Timeval{})
	for {
		data, err := c.receive()
		switch {
		case errors.Is(err, unix.EAGAIN):
			return errors.New("the kernel does not answer (walisup is not in the machine's own pid namespace?)")
		case err != nil:
			return err
		case binary.NativeEndian.Uint32(data[atWhat:]) != eventNone:
		case binary.NativeEndian.Uint32(data[atError:]) != 0:
			return unix.Errno(binary.NativeEndian.Uint32(data[atError:]))
		default:
			return nil
		}
	}
}

// endsFilter is a program of classic BPF (socket(7), SO_ATTACH_FILTER), which passes
// answers, and ends of processes whose exit code is not 0. It loads numbers as big
// endian.
func endsFilter() []unix.SockFilter {
	const (
		load     = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		equalX   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X
		toX      = unix.BPF_MISC | unix.BPF_TAX
		giveBack = unix.BPF_RET | unix.BPF_K
	)
	return []unix.SockFilter{
		{Code: load, K: atWhat},
		{Code: equal, K: eventNone, Jt: 8},
		{Code: equal, K: networkOrder(eventExit), Jf: 6},
		{Code: load, K: atExitCode},
		{Code: equal, K: 0, Jt: 4},
		{Code: load, K: atPid},
		{Code: toX},
		{Code: load, K: atTgid},
		{Code: equalX, Jf: 0, Jt: 1},
		{Code: giveBack, K: 0},
		{Code: giveBack, K: 1<<32 - 1},
	}
}

// networkOrder is the number that a filter sees in place of v.
func networkOrder(v uint32) uint32 {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], v)
	return binary.BigEndian.Uint32(b[:])
}

// receive returns the next message of the kernel, which is long enough to be looked
// at.
func (c *connector) receive() ([]byte, error) {
	for {
		messages, from, err := c.socket.Receive()
		if err != nil {
			return nil, err
		}
		if from.Pid != nl.PidKernel || len(messages) == 0 {
			continue
		}
		data := messages[0].Data
		if len(data) >= exitSize-16 {
			return append(make([]byte, 16), data...), nil
		}
	}
}

// next returns the next end of a process.
func (c *connector) next() (pid int, status uint32, err error) {
	for {
		data, err := c.receive()
		if errors.Is(err, unix.ENOBUFS) {
			c.lost = true
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		field := func(at int) uint32 { return binary.NativeEndian.Uint32(data[at:]) }
		if field(atWhat) == eventExit && field(atPid) == field(atTgid) {
			return int(field(atTgid)), field(atExitCode), nil
		}
	}
}

// connect begins to listen to the connector, if that is allowed.
func (t *Tree) connect() {
	t.connected = true
	c, err := openConnector()
	if err != nil {
		t.connectorProblem = err
		return
	}
	t.connector = c
	go t.hear(c)
}

// hear records the ends that the connector tells of, until it is closed.
func (t *Tree) hear(c *connector) {
	for {
		pid, status, err := c.next()
		if err != nil {
			return
		}
		t.lock.Lock()
		if t.connector != c {
			t.lock.Unlock()
			return
		}
		r := t.channel.Lookup(pid)
		// A process that is watched will be told of by a better source, and a
		// slot that names a process which does not have that number any more
		// would take another's end for its own.
		if r.Valid() && t.byRef[r] == nil && !t.isOwn(pid) {
			t.channel.End(r, pid, status, channel.Connector)
		}
		t.lock.Unlock()
	}
}
