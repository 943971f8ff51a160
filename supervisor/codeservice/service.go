package codeservice

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc"
	"walisup/ipc/cache"
)

const (
	// MaxRequests is how many requests are looked at at a time. Others wait in the
	// socket, whose room is the kernel's to bound.
	MaxRequests = 64

	// Patience is how long a helper waits for a sign of life.
	Patience = 2 * time.Second

	// reassurance is how often the service gives one.
	reassurance = 300 * time.Millisecond

	// queueing is how long a request waits for others to be done. One that is stuck
	// keeps others for no longer.
	queueing = 30 * time.Second
)

// Config says what a service does.
type Config struct {
	// Dir is the directory of compiled modules, empty for none.
	Dir string

	// Context is what keys depend on, besides the role. It is asked for when the first module is.
	// With an error no directory is used.
	Context func() (cache.Context, error)

	// Copy says that the guest may have, or come to have, the rights of the directory's
	// owner: it never gets a descriptor of a file there.
	Copy bool

	// Compile compiles a module for a role. Both descriptors are memory files, module a
	// sealed one, result an empty one.
	Compile func(module, result int, role ipc.Role) error

	// Close is called when the service has ended; may be nil.
	Close func()
}

// ErrNotModule is what [Config.Compile] returns for a file that is not a module.
var ErrNotModule = errors.New("not a module that can be run")

// service is a running service.
type service struct {
	config Config
	slots  chan struct{} // room for requests
	heavy  chan struct{} // the right to copy and compile
	store  store
}

// Start starts a service and returns the end of its socket that is for helpers, which
// is close-on-exec and the caller's to close. The service ends when nobody has that
// end any more, or with the process.
func Start(c Config) (helpers int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("make the socket for compiled modules: %w", err)
	}
	s := &service{config: c, slots: make(chan struct{}, MaxRequests), heavy: make(chan struct{}, 1)}
	go s.serve(fds[0])
	return fds[1], nil
}

// serve answers requests until no helper is left.
func (s *service) serve(socket int) {
	var under sync.WaitGroup
	for {
		s.slots <- struct{}{}
		m, rights, err := ipc.ReceiveCode(socket)
		if err != nil && !errors.Is(err, ipc.ErrCode) {
			break
		}
		if err != nil || m.Kind != ipc.CodeAsk {
			go s.refuse(rights)
			continue
		}
		under.Go(func() { s.answer(rights[0], rights[1], m.Role) })
	}
	unix.Close(socket)
	under.Wait()
	s.store.close()
	if s.config.Close != nil {
		s.config.Close()
	}
}

// refuse drops what came with a message that is not a request. To close a descriptor
// may take long.
func (s *service) refuse(rights []int) {
	for _, fd := range rights {
		unix.Close(fd)
	}
	<-s.slots
}

// answer answers a request and closes its descriptors.
func (s *service) answer(module, socket int, role ipc.Role) {
	defer s.refuse([]int{module, socket})
	if !isNameless(socket) {
		return
	}
	code, e := s.code(module, socket, role)
	switch {
	case e == errBusy:
		ipc.SendCode(socket, ipc.CodeMessage{Kind: ipc.CodeBusy})
	case e != 0:
		ipc.SendCode(socket, ipc.CodeMessage{Kind: ipc.CodeRefused, Errno: e})
	default:
		ipc.SendCode(socket, ipc.CodeMessage{Kind: ipc.CodeReady}, code)
		unix.Close(code)
	}
}

// errBusy is no error of the kernel's.
const errBusy unix.Errno = 1 << 16

// code returns a descriptor of the compiled module, for the caller to close, or the
// error for the guest.
func (s *service) code(module, socket int, role ipc.Role) (int, unix.Errno) {
	id, size, e := identify(module, role)
	if e != 0 {
		return -1, e
	}
	if code := s.store.find(id); code >= 0 {
		return code, 0
	}
	defer reassure(socket)()
	patience := time.NewTimer(queueing)
	defer patience.Stop()
	select {
	case s.heavy <- struct{}{}:
		defer func() { <-s.heavy }()
	case <-patience.C:
		return -1, errBusy
	}
	if code := s.store.find(id); code >= 0 { // meanwhile
		return code, 0
	}
	return s.make(module, id, size, role)
}

// reassure tells the helper that its request is being worked on, until the function
// that it returns is called.
func reassure(socket int) (end func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(reassurance)
		defer tick.Stop()
		for {
			ipc.SendCode(socket, ipc.CodeMessage{Kind: ipc.CodeWorking})
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(done); <-ended }
}

// make makes the compiled module of a file that is not known, or finds it in the
// directory.
func (s *service) make(module int, id identity, size int64, role ipc.Role) (int, unix.Errno) {
	content, e := copySealed(module, size)
	if e != 0 {
		return -1, e
	}
	defer unix.Close(content)
	context, failure := s.config.Context()
	context.Role = role
	key, e := keyOf(content, size, &context)
	if e != 0 {
		return -1, e
	}
	if code := s.store.known(id, key); code >= 0 {
		return code, 0
	}
	var dir *cache.Dir
	if failure == nil && s.config.Dir != "" {
		if opened, err := cache.Open(s.config.Dir); err == nil {
			dir = opened
			defer dir.Close()
		}
	}
	if dir != nil {
		if code := s.fromDirectory(dir, key); code >= 0 {
			return s.store.put(id, key, code), 0
		}
	}
	code, e := s.compile(content, role)
	if e != 0 {
		return -1, e
	}
	if dir != nil && s.file(dir, key, code) && !s.config.Copy {
		if filed := s.fromDirectory(dir, key); filed >= 0 {
			unix.Close(code)
			code = filed
		}
	}
	return s.store.put(id, key, code), 0
}

// fromDirectory returns a descriptor of an entry in the directory, or of a copy; -1 if there
// is none.
func (s *service) fromDirectory(dir *cache.Dir, key cache.Key) int {
	entry, err := dir.Open(key)
	if err != nil {
		return -1
	}
	if !s.config.Copy {
		return entry
	}
	defer unix.Close(entry)
	var st unix.Stat_t
	if unix.Fstat(entry, &st) != nil || st.Size > maxCode {
		return -1
	}
	code, e := copySealed(entry, st.Size)
	if e != 0 {
		return -1
	}
	return code
}

// file stores what was compiled, and reports whether it has. Too many modules of one
// instance are not stored: they need not be those that anybody wants again.
func (s *service) file(dir *cache.Dir, key cache.Key, code int) bool {
	var st unix.Stat_t
	if unix.Fstat(code, &st) != nil || !s.store.mayFile(st.Size) {
		return false
	}
	return dir.StoreWith(key, func(fd int) error { return cache.Copy(fd, code, st.Size) }) == nil
}

// compile compiles a sealed copy of a module into a sealed memory file.
func (s *service) compile(content int, role ipc.Role) (int, unix.Errno) {
	result, err := cache.NewMemory()
	if err != nil {
		return -1, unix.ENOMEM
	}
	err = s.config.Compile(content, result, role)
	if err == nil {
		err = cache.Seal(result)
	}
	if err == nil {
		return reopen(result)
	}
	unix.Close(result)
	if errors.Is(err, ErrNotModule) {
		return -1, unix.ENOEXEC
	}
	return -1, errBusy // the helper may have more luck
}
