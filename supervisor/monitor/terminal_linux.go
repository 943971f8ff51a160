package monitor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"walisup/supervisor/instance"
	"walisup/supervisor/journal"
)

// Whoever attaches to a terminal connects to a socket in the instance's folder. Each
// message (SOCK_SEQPACKET) to the monitor begins with one of these bytes; those from
// it are what the guest has written.
const (
	messageData = 'd' // what was typed
	messageSize = 's' // rows and columns, two bytes each, big endian
)

const (
	// messageMost is the largest message.
	messageMost = 32 << 10

	// clientLag is how many bytes a client may lag behind before it is dropped: the
	// guest does not wait for it.
	clientLag = 4 << 20

	// keepLine is how much of the line that the guest has begun a new client is
	// shown.
	keepLine = 1 << 10
)

// terminal is the guest's terminal and those who are attached to it.
type terminal struct {
	logs   *collector
	socket int

	mu      sync.Mutex
	closed  bool
	master  int // of the present run's pseudoterminal, -1 between two
	size    unix.Winsize
	clients map[*client]bool
	line    []byte // that the guest has begun
}

// client is somebody who is attached.
type client struct {
	fd      int
	pending []byte        // to be sent; under the terminal's lock
	more    chan struct{} // says that there is something; closed when nothing will follow
	done    chan struct{} // closed when all has been sent
}

// newTerminal begins to listen for clients.
func newTerminal(i *instance.Instance, logs *collector) (*terminal, error) {
	t := &terminal{logs: logs, master: -1, clients: map[*client]bool{}}
	t.size = unix.Winsize{Row: i.Command.Rows, Col: i.Command.Columns}
	dir, err := unix.Open(i.File(""), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	t.socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	os.Remove(i.File(instance.TerminalFile))
	// The folder's own path may be too long for a socket's address.
	err = unix.Bind(t.socket, &unix.SockaddrUnix{Name: terminalPath(dir)})
	if err == nil {
		err = unix.Listen(t.socket, 8)
	}
	if err != nil {
		unix.Close(t.socket)
		return nil, fmt.Errorf("make the socket of the terminal: %w", err)
	}
	go t.accept()
	return t, nil
}

func terminalPath(dir int) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir, instance.TerminalFile)
}

// open makes a pseudoterminal for a run and returns the guest's side, which the caller
// closes. done is closed when the guest's processes have all closed theirs.
func (t *terminal) open() (slave int, done <-chan struct{}, err error) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("open pseudoterminal: %w", err)
	}
	slave, err = openSlave(master)
	if err != nil {
		unix.Close(master)
		return -1, nil, fmt.Errorf("open pseudoterminal: %w", err)
	}
	t.mu.Lock()
	t.master = master
	unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &t.size)
	t.mu.Unlock()
	ended := make(chan struct{})
	go t.read(master, ended)
	return slave, ended, nil
}

func openSlave(master int) (int, error) {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return -1, err
	}
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return -1, err
	}
	return unix.Open(fmt.Sprintf("/dev/pts/%d", number), unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
}

// read hands on what the guest writes until nobody has its side open.
func (t *terminal) read(master int, ended chan<- struct{}) {
	defer close(ended)
	buffer := make([]byte, messageMost)
	for {
		n, err := unix.Read(master, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 { // EIO
			break
		}
		t.logs.write(journal.Stdout, buffer[:n])
		t.broadcast(buffer[:n])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.master == master {
		t.master = -1
	}
	unix.Close(master)
}

func (t *terminal) broadcast(data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.clients {
		t.send(c, data)
	}
	t.line = append(t.line, data...)
	for n := len(t.line) - 1; n >= 0; n-- {
		if t.line[n] == '\n' {
			t.line = t.line[n+1:]
			break
		}
	}
	if over := len(t.line) - keepLine; over > 0 {
		t.line = t.line[over:]
	}
}

// send queues data. Preconditions: the lock is held, and the client is one of ours.
func (t *terminal) send(c *client, data []byte) {
	if len(c.pending)+len(data) > clientLag {
		t.drop(c)
		return
	}
	c.pending = append(c.pending, data...)
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// drop ends the connection of a client. Precondition: the lock is held.
func (t *terminal) drop(c *client) {
	if t.clients[c] {
		delete(t.clients, c)
		close(c.more) // and its writer closes the socket when all is sent
	}
}

// accept lets clients in. They are the instance's owner: nobody else gets into its
// folder.
func (t *terminal) accept() {
	for {
		fd, _, err := unix.Accept4(t.socket, unix.SOCK_CLOEXEC)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		if err != nil {
			return
		}
		c := &client{fd: fd, more: make(chan struct{}, 1), done: make(chan struct{})}
		t.mu.Lock()
		if t.closed {
			t.mu.Unlock()
			unix.Close(fd)
			continue
		}
		t.clients[c] = true
		if len(t.line) > 0 {
			t.send(c, t.line)
		}
		t.mu.Unlock()
		go t.write(c)
		go t.serve(c)
	}
}

// write sends what is queued.
func (t *terminal) write(c *client) {
	defer close(c.done)
	for open, failed := true, false; open && !failed; {
		_, open = <-c.more
		t.mu.Lock()
		data := c.pending
		c.pending = nil
		t.mu.Unlock()
		for len(data) > 0 && !failed {
			part := data[:min(len(data), messageMost)]
			data = data[len(part):]
			failed = unix.Send(c.fd, part, unix.MSG_NOSIGNAL) != nil
		}
	}
	// The reader sees this too, and drops the client.
	unix.Shutdown(c.fd, unix.SHUT_RDWR)
}

// serve does what a client asks for.
func (t *terminal) serve(c *client) {
	defer func() {
		t.mu.Lock()
		t.drop(c)
		t.mu.Unlock()
		<-c.done
		unix.Close(c.fd)
	}()
	buffer := make([]byte, messageMost)
	for {
		n, err := unix.Read(c.fd, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return
		}
		switch buffer[0] {
		case messageData:
			t.typed(buffer[1:n])
		case messageSize:
			if n == 5 {
				t.resize(binary.BigEndian.Uint16(buffer[1:]), binary.BigEndian.Uint16(buffer[3:]))
			}
		}
	}
}

// typed passes input on. A guest that does not read its terminal makes the client wait,
// as terminals do, and nobody else.
func (t *terminal) typed(data []byte) {
	t.mu.Lock()
	master, err := -1, error(nil)
	if t.master >= 0 {
		// Another descriptor, since this one may be closed meanwhile.
		master, err = unix.FcntlInt(uintptr(t.master), unix.F_DUPFD_CLOEXEC, 0)
	}
	t.mu.Unlock()
	if err != nil || master < 0 {
		return
	}
	defer unix.Close(master)
	for len(data) > 0 {
		n, err := unix.Write(master, data)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		data = data[n:]
	}
}

func (t *terminal) resize(rows, columns uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = unix.Winsize{Row: rows, Col: columns}
	if t.master >= 0 {
		unix.IoctlSetWinsize(t.master, unix.TIOCSWINSZ, &t.size)
	}
}

// lastWords is how long clients get to take what was written last.
const lastWords = 2 * time.Second

// close lets go of all clients, once they have got what was written.
func (t *terminal) close() {
	t.mu.Lock()
	t.closed = true
	var leaving []*client
	for c := range t.clients {
		t.drop(c)
		leaving = append(leaving, c)
	}
	t.mu.Unlock()
	unix.Shutdown(t.socket, unix.SHUT_RDWR) // wakes accept
	unix.Close(t.socket)
	timeout := time.After(lastWords)
	for _, c := range leaving {
		select {
		case <-c.done:
		case <-timeout:
			return
		}
	}
}

// Terminal is a connection to the terminal of an instance.
type Terminal struct{ fd int }

// ErrNoTerminal means that an instance has no terminal to attach to.
var ErrNoTerminal = errors.New("has no terminal")

// Attach connects to the terminal of an instance.
func Attach(i *instance.Instance) (*Terminal, error) {
	if !i.Options.Terminal {
		return nil, fmt.Errorf("instance %s %w: it was not started with --detach --tty", i.Name, ErrNoTerminal)
	}
	dir, err := unix.Open(i.File(""), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: terminalPath(dir)})
	if err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOENT) {
			return nil, fmt.Errorf("instance %s %w any more: that was lost with its monitor", i.Name, ErrNoTerminal)
		}
		return nil, fmt.Errorf("attach to instance %s: %w", i.Name, err)
	}
	return &Terminal{fd: fd}, nil
}

// Write types data, as an io.Writer.
func (t *Terminal) Write(data []byte) (int, error) {
	written := 0
	for written < len(data) {
		part := data[written:min(len(data), written+messageMost-1)]
		if err := unix.Send(t.fd, append([]byte{messageData}, part...), unix.MSG_NOSIGNAL); err != nil {
			return written, err
		}
		written += len(part)
	}
	return written, nil
}

// Resize tells the size of the caller's window.
func (t *Terminal) Resize(rows, columns uint16) error {
	message := binary.BigEndian.AppendUint16([]byte{messageSize}, rows)
	return unix.Send(t.fd, binary.BigEndian.AppendUint16(message, columns), unix.MSG_NOSIGNAL)
}

// Read returns what the guest has written; 0 bytes without an error at the end.
// buffer should be of 32 KiB at least: what does not fit is lost.
func (t *Terminal) Read(buffer []byte) (int, error) {
	for {
		n, err := unix.Read(t.fd, buffer)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// Close ends the connection, also for a Read in another goroutine.
func (t *Terminal) Close() error {
	unix.Shutdown(t.fd, unix.SHUT_RDWR)
	return unix.Close(t.fd)
}
