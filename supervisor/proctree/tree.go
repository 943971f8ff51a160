package proctree

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
)

// Tree is the processes of an instance, as its supervisor keeps account of them.
// Its methods may be called by any goroutine.
type Tree struct {
	channel *channel.Channel // nil if there is none
	fd      int              // of the channel, or -1
	problem error            // why there is no channel
	pipe    int              // for trace records, or -1

	subreaper bool // the calling process is one, and started the tree

	mu       sync.Mutex
	closed   bool
	started  bool
	starting int                       // children that may exist but are not known yet
	own      map[int]bool              // children that somebody waits for
	pending  map[int][]unix.WaitStatus // what nobody has asked for yet
	reaping  bool                      // somebody is in wait4
	reaped   *sync.Cond                // moves when reaping or pending does

	watcher
}

// New makes the tree of an instance that is about to be started, and the calling
// process the parent of all its descendants that lose theirs (prctl(2),
// PR_SET_CHILD_SUBREAPER), with its channel
// if that can be had. helper is the open executable of the
// helper, and number what the channel's descriptor is to be in helpers.
func New(name string, helper, number int) *Tree {
	t := newTree()
	t.channel, t.fd, t.problem = channel.Create(name)
	t.SetHelper(helper, number)
	// It cannot fail on any Linux that walisup runs on.
	t.subreaper = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil
	return t
}

// SetHelper says what helper the next processes run, as for [New].
func (t *Tree) SetHelper(helper, number int) {
	var st unix.Stat_t
	if unix.Fstat(helper, &st) == nil {
		t.channel.SetHelper(channel.Helper{Dev: st.Dev, Ino: st.Ino, FD: number})
	}
}

func newTree() *Tree {
	t := &Tree{fd: -1, pipe: -1, own: map[int]bool{}, pending: map[int][]unix.WaitStatus{}}
	t.reaped = sync.NewCond(&t.mu)
	return t
}

// Adopt takes over the tree of a supervisor that is gone. fd is the channel, see
// [channel.Find], and the Tree's to close. The processes are not the caller's
// children: of those that lose their parent, it hears only what pidfds and the
// channel tell.
func Adopt(fd int) (*Tree, error) {
	c, err := channel.Map(fd)
	if err != nil {
		return nil, fmt.Errorf("adopt instance: %w", err)
	}
	t := newTree()
	t.fd, t.channel = fd, c
	c.ResetSleepers()
	t.watch(0)
	return t, nil
}

// FD is the descriptor of the tree's channel, or -1 if it has none. It is the Tree's.
func (t *Tree) FD() int { return t.fd }

// Claim takes a slot for a process that the supervisor is about to start, and that
// runs module at first. It is the zero Ref if there is none.
//
// Each Claim is followed by Started or Abandon. Until then the end of a child that
// nobody knows yet is kept for whoever is going to wait for it.
func (t *Tree) Claim(module string) channel.Ref {
	t.mu.Lock()
	t.starting++
	t.mu.Unlock()
	return t.channel.Claim(unix.Getpid(), module)
}

// Expect is Claim for a child of the supervisor that is none of the guest's processes:
// it has no slot. [Tree.Started] and [Tree.Abandon] get the zero Ref.
func (t *Tree) Expect() {
	t.mu.Lock()
	t.starting++
	t.mu.Unlock()
}

// Abandon gives back what Claim has taken.
func (t *Tree) Abandon(r channel.Ref) {
	t.mu.Lock()
	t.hasStarted()
	t.mu.Unlock()
	t.channel.Abandon(r, unix.Getpid())
}

// hasStarted forgets what was kept for nobody.
func (t *Tree) hasStarted() {
	if t.starting--; t.starting > 0 {
		return
	}
	for pid := range t.pending {
		if !t.own[pid] {
			delete(t.pending, pid)
		}
	}
}

// watchDelay is how long a tree is left alone at first. Most commands have ended
// by then, and needed nobody to watch them.
const watchDelay = 20 * time.Millisecond

// Started says that the supervisor has started process pid in slot r, its child,
// whose end somebody will wait for.
func (t *Tree) Started(r channel.Ref, pid int) {
	t.mu.Lock()
	t.own[pid] = true
	t.hasStarted()
	first := !t.started
	t.started = true
	t.reaped.Broadcast()
	t.mu.Unlock()
	t.channel.Adopt(r, pid)
	t.channel.Report(r, pid)
	if first {
		t.watch(watchDelay)
	}
}

// Wait returns the next change of process pid, which was [Tree.Started]: its end, or
// that it has stopped. While it waits it also waits for all other children and
// records their ends. After the process's end it must not be called again.
func (t *Tree) Wait(pid int) (unix.WaitStatus, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if list := t.pending[pid]; len(list) > 0 {
			t.pending[pid] = list[1:]
			if ended(list[0]) {
				delete(t.pending, pid)
				delete(t.own, pid)
			}
			return list[0], nil
		}
		if !t.own[pid] {
			return 0, fmt.Errorf("wait for process %d: %w", pid, unix.ECHILD)
		}
		if t.reaping {
			t.reaped.Wait()
			continue
		}
		if err := t.reap(0); err != nil {
			return 0, fmt.Errorf("wait for process %d: %w", pid, err)
		}
	}
}

// reap waits for one child, or says what wait4 says. It gives up the lock meanwhile.
func (t *Tree) reap(flags int) error {
	t.reaping = true
	t.mu.Unlock()
	var ws unix.WaitStatus
	var pid int
	var err error
	for {
		pid, err = unix.Wait4(-1, &ws, unix.WUNTRACED|unix.WALL|flags, nil)
		if err != unix.EINTR {
			break
		}
	}
	t.mu.Lock()
	t.reaping = false
	defer t.reaped.Broadcast()
	switch {
	case err != nil:
		return err
	case pid == 0: // WNOHANG
		return unix.EAGAIN
	}
	if t.own[pid] || t.starting > 0 {
		t.pending[pid] = append(t.pending[pid], ws)
	}
	if ended(ws) {
		t.ended(pid, uint32(ws), channel.Wait)
	}
	return nil
}

func ended(ws unix.WaitStatus) bool { return ws.Exited() || ws.Signaled() }

// ended records the end of process pid.
func (t *Tree) ended(pid int, status uint32, source channel.Source) {
	t.channel.End(t.channel.Lookup(pid), pid, status, source)
}

// Close ends all watching and gives up the channel. Processes go on, and Kill still
// finds them.
//
// Precondition: no other method is being called.
func (t *Tree) Close() {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	t.closed = true
	t.mu.Unlock()
	t.stopWatching()
	for _, fd := range []int{t.fd, t.pipe} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	t.channel.Close()
	t.channel, t.fd = nil, -1
}

// Join lets the caller start one more process of a tree that has a supervisor, or
// had one, with [Tree.Claim], [Tree.Started] and [Tree.Wait]. fd is the channel, see
// [channel.Find], and the Tree's to close. The supervisor sees the process, and all
// that come from it, in the channel.
func Join(fd int) (*Tree, error) {
	c, err := channel.Map(fd)
	if err != nil {
		return nil, fmt.Errorf("join instance: %w", err)
	}
	t := newTree()
	t.fd, t.channel = fd, c
	t.started = true // and so nothing is watched
	return t, nil
}
