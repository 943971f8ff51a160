package proctree

import (
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor/procfs"
)

// watcher follows the channel and the processes in it.
type watcher struct {
	lock   sync.Mutex
	timer  *time.Timer
	done   chan struct{} // closed when the watching goroutines have ended; nil if there are none
	cursor *channel.Cursor
	lost   uint64 // of the cursor, seen

	epoll   int                // of pidfds, 0 if there is none
	stop    int                // eventfd in epoll
	watched map[int32]*watched // by pidfd
	byRef   map[channel.Ref]*watched
	missed  int // processes for which there was no pidfd

	begun            time.Time
	connected        bool // or tried to be
	connector        *connector
	connectorProblem error

	gone      map[channel.Ref]bool // found gone by the last sweep
	forks     int                  // since slots were freed
	lastSweep time.Time
}

// watched is a living process that is not waited for otherwise.
type watched struct {
	ref   channel.Ref
	pid   int
	start uint64 // see procfs.Identity
	pidfd int
	ended bool // as the pidfd says, but not how
}

const (
	// watchPause is how long what happens is let gather before it is looked at
	// again: a shell that forks a thousand times a second costs no more than one
	// that does so at leisure.
	watchPause = 20 * time.Millisecond

	// sweepPause is how often processes are looked for that have ended without
	// anybody telling.
	sweepPause = time.Second

	// keepEnded is how many ended processes stay in the table, and freeEvery
	// after how many forks there is a look whether there are more.
	keepEnded = 256
	freeEvery = 128

	// maxWatched is how many pidfds there are at most.
	maxWatched = 4096
)

// watch begins to follow the channel after a delay.
func (t *Tree) watch(delay time.Duration) {
	if t.channel == nil {
		return
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.cursor, t.begun = t.channel.Events(false), time.Now()
	t.timer = time.AfterFunc(delay, t.startWatching)
}

func (t *Tree) startWatching() {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.timer == nil {
		return // stopped meanwhile
	}
	t.noteSources()
	t.done = make(chan struct{})
	go t.follow(t.done)
}

// follow looks at the channel whenever its doorbell is rung.
func (t *Tree) follow(done chan struct{}) {
	defer close(done)
	for {
		bell := t.channel.Bell()
		t.update()
		t.mu.Lock()
		closed := t.closed
		t.mu.Unlock()
		if closed {
			return
		}
		t.channel.Await(bell, sweepPause)
		time.Sleep(watchPause)
	}
}

// stopWatching returns when nobody uses the channel any more.
func (t *Tree) stopWatching() {
	t.lock.Lock()
	timer, done := t.timer, t.done
	t.timer = nil
	t.lock.Unlock()
	if timer == nil {
		return
	}
	timer.Stop()
	if done != nil {
		t.channel.Ring()
		<-done
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.cursor = nil
	t.closePidfds()
	if t.connector != nil {
		t.connector.socket.Close()
		t.connector = nil
	}
}

// update brings the table up to date.
func (t *Tree) update() {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.cursor == nil {
		return
	}
	for range 2 * channel.Events { // a helper may write events without end
		e, ok := t.cursor.Next()
		if !ok {
			break
		}
		if e.Kind == channel.Fork {
			t.forks++
			t.watchProcess(e.Ref)
		}
	}
	if lost := t.cursor.Lost(); lost != t.lost {
		t.lost = lost
		t.watchAll()
	}
	if !t.connected && time.Since(t.begun) >= connectorDelay {
		t.connect()
		t.noteSources()
	}
	if t.forks >= freeEvery || time.Since(t.lastSweep) >= sweepPause {
		t.forks, t.lastSweep = 0, time.Now()
		t.sweep(false)
	}
}

// watchAll looks for processes whose events were lost.
func (t *Tree) watchAll() {
	slots, _ := t.channel.Slots(nil)
	for i := range slots {
		if slots[i].State == channel.Live {
			t.watchSlot(&slots[i])
		}
	}
}

func (t *Tree) watchProcess(r channel.Ref) {
	if s, ok, _ := t.channel.Slot(r); ok && s.State == channel.Live {
		t.watchSlot(&s)
	}
}

// watchSlot opens a pidfd of a process, unless there is one or the process is a
// child that somebody waits for.
func (t *Tree) watchSlot(s *channel.Slot) {
	if t.byRef[s.Ref] != nil || t.isOwn(s.PID) {
		return
	}
	if len(t.watched) >= maxWatched || !t.openEpoll() {
		t.missed++
		return
	}
	pidfd, err := unix.PidfdOpen(s.PID, 0)
	if err != nil {
		if !errors.Is(err, unix.ESRCH) {
			t.missed++
		}
		return
	}
	// The pidfd holds on to the process: what is true of the pid now stays true.
	st, err := procfs.ReadStat(s.PID)
	if err != nil || !madeThen(&st, s) {
		unix.Close(pidfd)
		return
	}
	w := &watched{ref: s.Ref, pid: s.PID, start: st.Start, pidfd: pidfd}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(pidfd)}
	if unix.EpollCtl(t.epoll, unix.EPOLL_CTL_ADD, pidfd, &event) != nil {
		unix.Close(pidfd)
		t.missed++
		return
	}
	t.watched[int32(pidfd)], t.byRef[s.Ref] = w, w
}

func (t *Tree) isOwn(pid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own[pid]
}

// openEpoll makes what tells of the ends of processes, and a goroutine that listens.
func (t *Tree) openEpoll() bool {
	if t.epoll != 0 {
		return true
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, stop, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(stop)})
		if err != nil {
			unix.Close(stop)
		}
	}
	if err != nil {
		unix.Close(epoll)
		return false
	}
	t.epoll, t.stop = epoll, stop
	t.watched, t.byRef = map[int32]*watched{}, map[channel.Ref]*watched{}
	go t.awaitEnds(epoll, stop)
	return true
}

// awaitEnds handles the ends of watched processes until it is told to stop.
func (t *Tree) awaitEnds(epoll, stop int) {
	defer unix.Close(epoll)
	defer unix.Close(stop)
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		t.lock.Lock()
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == stop {
				t.lock.Unlock()
				return
			}
			if w := t.watched[e.Fd]; w != nil {
				t.processEnds(w, e.Events&unix.EPOLLHUP != 0)
			}
		}
		t.lock.Unlock()
	}
}

func (t *Tree) closePidfds() {
	if t.epoll == 0 {
		return
	}
	for _, w := range t.watched {
		unix.Close(w.pidfd)
	}
	t.watched, t.byRef = nil, nil
	one := [8]byte{1}
	unix.Write(t.stop, one[:])
	t.epoll = 0
}

// processEnds handles what a pidfd tells: first that the process is a zombie, then,
// from Linux 6.9 on, that it has been waited for.
func (t *Tree) processEnds(w *watched, reaped bool) {
	status, ok := procfs.Identity{Pid: w.pid, Start: w.start}.EndStatus(w.pidfd)
	switch {
	case ok:
		t.channel.End(w.ref, w.pid, uint32(status), channel.Kernel)
		t.forget(w)
	case reaped:
		t.forget(w) // the sweep finds what others have said of it
	default:
		w.ended = true
	}
}

func (t *Tree) forget(w *watched) {
	unix.Close(w.pidfd) // and it is out of epoll
	delete(t.watched, int32(w.pidfd))
	delete(t.byRef, w.ref)
}

// sweep finds the processes whose end nobody has told of, and makes room in the
// table. Those that are gone are given until the next sweep to be told of, unless
// this is the final one.
func (t *Tree) sweep(final bool) {
	gone := map[channel.Ref]bool{}
	var over []channel.Ref
	t.channel.Each(func(r channel.Ref, state channel.State, pid int) {
		switch state {
		case channel.Live, channel.Exiting:
			w := t.byRef[r]
			if w != nil && !w.ended && !final || t.isOwn(pid) {
				return
			}
			s, ok, _ := t.channel.Slot(r)
			if !ok {
				return
			}
			switch {
			case !isGone(&s):
				// Its parent was killed before it could report it.
				t.channel.Report(r, pid)
			case !final && !t.gone[r]:
				gone[r] = true
			default:
				if w != nil {
					t.processEnds(w, true) // which may know more by now
				}
				t.channel.End(r, pid, s.Status, s.Source)
			}
		case channel.Ended:
			over = append(over, r)
		}
	})
	t.gone = gone
	t.channel.Sweep(func(pid int) bool { return unix.Kill(pid, 0) != unix.ESRCH })
	if len(over) > keepEnded {
		t.freeOldest(over)
	}
}

// freeOldest gives up the slots of all but the last ended processes.
func (t *Tree) freeOldest(list []channel.Ref) {
	when := make(map[channel.Ref]time.Time, len(list))
	for _, r := range list {
		if s, ok, _ := t.channel.Slot(r); ok {
			when[r] = s.Ended
		}
	}
	slices.SortFunc(list, func(a, b channel.Ref) int { return when[a].Compare(when[b]) })
	for _, r := range list[:len(list)-keepEnded/2] {
		t.channel.Free(r)
	}
}

// isGone reports whether the process of a slot has ended. One that has not been
// waited for is not gone yet, unless it has said how it ends.
func isGone(s *channel.Slot) bool {
	st, err := procfs.ReadStat(s.PID)
	return errors.Is(err, procfs.ErrGone) || err == nil && (!madeThen(&st, s) || st.Ended() && s.State == channel.Exiting)
}
