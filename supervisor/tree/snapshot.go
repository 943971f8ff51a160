package tree

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
)

// Process is one process of an instance, at one moment.
type Process struct {
	PID int

	// Parent is the parent that the kernel names now, 0 after the end; Creator
	// the process that made this one, 0 if not known.
	Parent, Creator int

	Start   uint64    // ticks after boot: field 22 of /proc/PID/stat; 0 if not known
	Started time.Time // the same as a time; zero if not known

	// State is the kernel's letter (proc(5)): R, S, D, T, t, Z, I; or 0 after the
	// end.
	State byte

	Session, Group int

	// Module is the path of the module, or program if Native, that the process
	// runs or ran last.
	Module string
	Cut    bool // the path is longer and its beginning is missing
	Native bool
	Name   string // as ps shows it

	// Listed says that the process has a slot in the channel. Others are native
	// programs' children, compiling helpers, or found no room.
	Listed bool

	Threads      int // the guest's; the kernel's if not Listed
	Forks, Execs uint64
	User, System time.Duration // processor time
	Resident     uint64        // bytes, shared ones included
	Swapped, Pss uint64        // bytes; 0 unless asked for with Memory

	Status unix.WaitStatus // valid if Source is not channel.Nobody
	Source channel.Source  // who says so
	Ended  time.Time       // zero while it lives
}

// Alive reports whether the process has not ended. A zombie has.
func (p *Process) Alive() bool { return p.State != 0 && p.State != 'Z' && p.State != 'X' }

// Snapshot is the processes of an instance at one moment.
type Snapshot struct {
	Time      time.Time
	Processes []Process // parents before their children, by start and pid

	Unlisted    uint64 // processes that found no slot, ever
	Overwritten uint64 // ended processes that had to make room, ever
	Damage      error  // what the channel holds that no helper of ours writes
}

// Look takes a snapshot of the instance with this channel. supervisor is the process
// whose children belong to the instance too, or 0. Any process that may read the
// channel and /proc can call it; c may be nil.
func Look(c *channel.Channel, supervisor int) Snapshot {
	l := looker{boot: bootTime(), page: uint64(os.Getpagesize()), known: map[int]int{}}
	s := Snapshot{Time: time.Now()}
	var slots []channel.Slot
	if c != nil {
		slots, s.Damage = c.Slots(nil)
		l.helper = c.Helper()
		s.Unlisted, s.Overwritten = c.Unlisted(), c.Overwritten()
	}
	for i := range slots {
		l.addSlot(&slots[i])
	}
	if supervisor > 0 {
		l.addChildren(supervisor)
	}
	for i := 0; i < len(l.list); i++ { // grows
		if l.list[i].State != 0 {
			l.addChildren(l.list[i].PID)
		}
	}
	s.Processes = l.list
	slices.SortStableFunc(s.Processes, func(a, b Process) int {
		switch {
		case a.Start != b.Start:
			return compare(a.Start, b.Start)
		case a.Started != b.Started:
			return a.Started.Compare(b.Started)
		}
		return compare(uint64(a.PID), uint64(b.PID))
	})
	return s
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// looker gathers a snapshot.
type looker struct {
	boot time.Time
	page uint64

	helper channel.Helper
	list   []Process
	known  map[int]int // index in list of living processes by pid
}

// maxProcesses bounds a snapshot that never ends, because processes are made as
// fast as they are found.
const maxProcesses = 1 << 16

func (l *looker) addSlot(s *channel.Slot) {
	if s.State == channel.Claimed {
		return // nothing has been made yet
	}
	p := Process{
		PID: s.PID, Creator: s.Creator, Listed: true,
		Module: s.Module, Cut: s.Cut, Name: filepath.Base(s.Module),
		Threads: s.Threads, Forks: s.Forks, Execs: s.Execs,
		Started: l.boot.Add(time.Duration(s.NotBefore)),
	}
	if st, err := readStat(s.PID); err == nil && madeThen(&st, s) {
		l.fill(&p, &st)
		if _, twice := l.known[p.PID]; twice {
			return
		}
		l.known[p.PID] = len(l.list)
		l.list = append(l.list, p)
		return
	}
	p.Status, p.Source, p.Ended = unix.WaitStatus(s.Status), s.Source, s.Ended
	l.list = append(l.list, p)
}

// madeThen reports whether a process was made when a slot says. The pid may have
// been used again since.
func madeThen(st *stat, s *channel.Slot) bool {
	return st.start >= s.NotBefore/uint64(tick) && (s.Before == 0 || st.start <= s.Before/uint64(tick))
}

// addChildren adds the processes whose parent is pid and that are not known yet.
func (l *looker) addChildren(pid int) {
	for _, child := range children(pid) {
		if _, ok := l.known[child]; ok || len(l.list) >= maxProcesses {
			continue
		}
		st, err := readStat(child)
		if err != nil {
			continue
		}
		p := Process{PID: child, Name: st.name, Threads: st.threads}
		l.fill(&p, &st)
		l.known[child] = len(l.list)
		l.list = append(l.list, p)
	}
}

// fill puts in what the kernel says of a process that exists.
func (l *looker) fill(p *Process, st *stat) {
	p.Parent, p.Group, p.Session, p.State, p.Start = st.parent, st.group, st.session, st.state, st.start
	p.Started = l.boot.Add(time.Duration(st.start) * tick)
	p.User, p.System = time.Duration(st.user)*tick, time.Duration(st.system)*tick
	p.Resident = st.pages * l.page
	p.Name = st.name
	if !p.Alive() {
		p.Status, p.Source = unix.WaitStatus(st.exit), channel.Proc
		if !mayKnowExit(p.PID) {
			p.Source = channel.Nobody
		}
		return
	}
	if l.isNative(p.PID) {
		if exe, err := os.Readlink(exePath(p.PID)); err == nil {
			p.Native, p.Module, p.Cut = true, exe, false
		}
	}
}

func exePath(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/exe" }

// isNative reports whether a process runs another program than the helper. Not
// knowing counts as no.
func (l *looker) isNative(pid int) bool {
	var st unix.Stat_t
	return l.helper.Ino != 0 && unix.Stat(exePath(pid), &st) == nil && (st.Dev != l.helper.Dev || st.Ino != l.helper.Ino)
}

// mayKnowExit reports whether the kernel tells us the exit status of zombie pid: it
// is 0 for those who may not.
func mayKnowExit(pid int) bool {
	if os.Geteuid() == 0 {
		return true
	}
	var st unix.Stat_t
	err := unix.Stat("/proc/"+strconv.Itoa(pid), &st)
	return err == nil && int(st.Uid) == os.Geteuid()
}
