package terminal

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// clientLag is how many bytes a client may lag behind before it is dropped: the
	// guest does not wait for it.
	clientLag = 4 << 20

	// keepLine is how much of the line that the guest has begun a new client is
	// shown.
	keepLine = 1 << 10
)

// Server is the guest's terminal and those who are attached to it. A guest that is
// started again gets another pseudoterminal; its clients stay.
type Server struct {
	output func(data []byte) // gets what the guest writes
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

// NewServer begins to listen for clients at the socket dir/name. size is the window's
// size until a client tells its own. output is called with what the guest writes, by
// one goroutine for each run, and must not keep it.
func NewServer(dir, name string, size unix.Winsize, output func(data []byte)) (*Server, error) {
	t := &Server{output: output, master: -1, size: size, clients: map[*client]bool{}}
	var err error
	t.socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	os.Remove(filepath.Join(dir, name))
	err = withAddress(dir, name, func(address unix.Sockaddr) error { return unix.Bind(t.socket, address) })
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

// Open makes a pseudoterminal for a run and returns the guest's side, which the caller
// closes. done is closed when the guest's processes have all closed theirs.
func (t *Server) Open() (slave int, done <-chan struct{}, err error) {
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
func (t *Server) read(master int, ended chan<- struct{}) {
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
		t.output(buffer[:n])
		t.broadcast(buffer[:n])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.master == master {
		t.master = -1
	}
	unix.Close(master)
}

func (t *Server) broadcast(data []byte) {
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
func (t *Server) send(c *client, data []byte) {
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
func (t *Server) drop(c *client) {
	if t.clients[c] {
		delete(t.clients, c)
		close(c.more) // and its writer closes the socket when all is sent
	}
}

// accept lets clients in. They are the instance's owner: nobody else gets into its
// directory.
func (t *Server) accept() {
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
func (t *Server) write(c *client) {
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
func (t *Server) serve(c *client) {
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
func (t *Server) typed(data []byte) {
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

func (t *Server) resize(rows, columns uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = unix.Winsize{Row: rows, Col: columns}
	if t.master >= 0 {
		unix.IoctlSetWinsize(t.master, unix.TIOCSWINSZ, &t.size)
	}
}

// lastWords is how long clients get to take what was written last.
const lastWords = 2 * time.Second

// Close lets go of all clients, once they have got what was written.
func (t *Server) Close() {
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
