package proctree

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"walisup/ipc/channel"
	"walisup/supervisor/procfs"
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
	CPU          time.Duration // user and system time
	Resident     uint64        // bytes, shared ones included

	Status unix.WaitStatus // valid if Source is not channel.Nobody
	Source channel.Source  // who says so
	Ended  time.Time       // zero while it lives
}

// Alive reports whether the process has not ended. A zombie has.
func (p *Process) Alive() bool { return p.State != 0 && p.State != 'Z' && p.State != 'X' }

// Snapshot is the processes of an instance at one moment.
type Snapshot struct {
	Time      time.Time
	Processes []Process // by start and pid: creators come before what they made

	Unlisted    uint64      // processes that found no slot, ever
	Overwritten uint64      // ended processes that had to make room, ever
	Sources     []Mechanism // what the supervisor uses; none while it does not watch yet
	Damage      error       // what the channel holds that no helper of ours writes
}

// TakeSnapshot takes a snapshot of the instance with this channel. supervisor is the process
// whose descendants belong to the instance, or 0 if it is gone. Any process that may
// read the channel and /proc can call it; c may be nil.
//
// What the channel says makes no process one of the instance: it is a descendant of
// the supervisor, or has the channel open, or descends from one that has.
func TakeSnapshot(c *channel.Channel, supervisor int) Snapshot {
	b := snapshotBuilder{boot: procfs.BootTime(), slots: map[int][]*channel.Slot{}, known: map[int]bool{}, used: map[channel.Ref]bool{}}
	s := Snapshot{Time: time.Now()}
	var slots []channel.Slot
	if c != nil {
		s.Sources = notedSources(c)
		b.helper = c.Helper()
		b.channelDev, b.channelIno = c.File()
		slots, s.Damage = c.Slots(nil)
		s.Unlisted, s.Overwritten = c.Unlisted(), c.Overwritten()
	}
	for i := range slots {
		if slot := &slots[i]; slot.State != channel.Claimed { // nothing has been made yet
			b.slots[slot.PID] = append(b.slots[slot.PID], slot)
		}
	}
	if supervisor > 0 {
		b.addBelow(supervisor)
	}
	for i := range slots {
		if err := b.addUnseen(&slots[i]); err != nil {
			s.Damage = errors.Join(s.Damage, err)
		}
	}
	s.Processes = b.list
	slices.SortStableFunc(s.Processes, func(a, b Process) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.PID, b.PID))
	})
	return s
}

// snapshotBuilder gathers a snapshot.
type snapshotBuilder struct {
	boot                   time.Time
	helper                 channel.Helper
	channelDev, channelIno uint64

	slots map[int][]*channel.Slot // by pid
	list  []Process
	known map[int]bool         // pids in list of processes that exist
	used  map[channel.Ref]bool // slots of these
}

// maxProcesses bounds a snapshot that never ends, because processes are made as
// fast as they are found.
const maxProcesses = 1 << 16

// describe puts in what a slot says.
func (b *snapshotBuilder) describe(s *channel.Slot) Process {
	return Process{
		PID: s.PID, Creator: s.Creator, Listed: true,
		Status: unix.WaitStatus(s.Status), Source: s.Source, Ended: s.Ended,
		Module: s.Module, Cut: s.Cut, Name: filepath.Base(s.Module),
		Threads: s.Threads, Forks: s.Forks, Execs: s.Execs,
		Started: b.boot.Add(time.Duration(s.NotBefore)),
	}
}

func (b *snapshotBuilder) addEnded(s *channel.Slot) {
	b.list = append(b.list, b.describe(s))
}

// addBelow adds the descendants of a process.
func (b *snapshotBuilder) addBelow(pid int) {
	for pending := []int{pid}; len(pending) > 0 && len(b.list) < maxProcesses; {
		last := len(pending) - 1
		pid, pending = pending[last], pending[:last]
		for _, child := range procfs.Children(pid) {
			if !b.known[child] && b.add(child) {
				pending = append(pending, child)
			}
		}
	}
}

// add adds a process of the instance, if it exists.
func (b *snapshotBuilder) add(pid int) bool {
	st, err := procfs.ReadStat(pid)
	if err != nil {
		return false
	}
	p := Process{PID: pid, Threads: st.Threads}
	for _, s := range b.slots[pid] {
		if madeThen(&st, s) {
			p = b.describe(s)
			b.used[s.Ref] = true
		}
	}
	b.fill(&p, &st)
	b.known[pid] = true
	b.list = append(b.list, p)
	return true
}

// madeThen reports whether a process was made when a slot says. The pid may have
// been used again since.
func madeThen(st *procfs.Stat, s *channel.Slot) bool {
	return st.Start >= s.NotBefore/uint64(procfs.Tick) && (s.Before == 0 || st.Start <= s.Before/uint64(procfs.Tick))
}

// addUnseen adds the process of a slot that is not the supervisor's descendant.
func (b *snapshotBuilder) addUnseen(s *channel.Slot) error {
	if s.State == channel.Claimed || b.used[s.Ref] {
		return nil
	}
	st, err := procfs.ReadStat(s.PID)
	switch {
	case s.State == channel.Ended || err != nil || !madeThen(&st, s) || st.Ended():
		b.addEnded(s)
	case !b.holdsChannel(s.PID):
		if now, err := procfs.ReadStat(s.PID); err != nil || now.Start != st.Start || now.Ended() {
			b.addEnded(s) // just now
			return nil
		}
		return fmt.Errorf("%w: slot %d names process %d (%s), which has lost the channel or never had it",
			channel.ErrDamaged, s.Ref.Slot-1, s.PID, st.Name)
	case !b.known[s.PID] && b.add(s.PID):
		b.addBelow(s.PID)
	}
	return nil
}

// holdsChannel reports whether a process has the channel open.
func (b *snapshotBuilder) holdsChannel(pid int) bool {
	_, ok := procfs.FindFD(pid, b.helper.FD, b.channelDev, b.channelIno)
	return ok
}

// fill puts in what the kernel says of a process that exists.
func (b *snapshotBuilder) fill(p *Process, st *procfs.Stat) {
	p.Parent, p.Group, p.Session, p.State, p.Start = st.Parent, st.Group, st.Session, st.State, st.Start
	p.Started = b.boot.Add(time.Duration(st.Start) * procfs.Tick)
	p.CPU, p.Resident, p.Name = st.CPU, uint64(st.RSS), st.Name
	if st.Ended() {
		if status, ok := st.ExitStatus(); ok {
			p.Status, p.Source = status, channel.Kernel
		}
		return
	}
	p.Status, p.Source, p.Ended = 0, channel.Nobody, time.Time{}
	if b.isNative(p.PID) {
		if exe, err := os.Readlink(exePath(p.PID)); err == nil {
			p.Native, p.Module, p.Cut = true, exe, false
		}
	}
}

func exePath(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/exe" }

// isNative reports whether a process runs another program than the helper. Not
// knowing counts as no.
func (b *snapshotBuilder) isNative(pid int) bool {
	var st unix.Stat_t
	return b.helper.Ino != 0 && unix.Stat(exePath(pid), &st) == nil && (st.Dev != b.helper.Dev || st.Ino != b.helper.Ino)
}
