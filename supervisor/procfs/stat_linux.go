package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Identity names one process for as long as the machine is up.
type Identity struct {
	Pid   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after the machine's start, field 22 of /proc/PID/stat
}

// Stat is what /proc/PID/stat says of a process, see proc_pid_stat(5).
type Stat struct {
	Identity
	Parent  int
	Group   int
	Session int
	State   byte   // R, S, D, T, t, Z, X, I
	Name    string // the first 15 bytes of its program's name
	Threads int
	CPU     time.Duration // user and system time of all its threads
	RSS     int64         // resident memory in bytes

	exit uint32 // wait status of a zombie; 0 for those who may not know it
}

// ErrGone means that a process has ended.
var ErrGone = errors.New("process has ended")

// Tick is the unit of start times in /proc: USER_HZ is 100 on all architectures that Go
// runs on.
const Tick = 10 * time.Millisecond

// ReadStat examines a process. The error wraps ErrGone if there is none.
func ReadStat(pid int) (Stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			return Stat{}, fmt.Errorf("process %d: %w", pid, ErrGone)
		}
		return Stat{}, err
	}
	return parseStat(data)
}

// parseStat takes the line apart. The name in parentheses may hold any character.
func parseStat(line []byte) (Stat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return Stat{}, fmt.Errorf("/proc/PID/stat: no name in %q", line)
	}
	fields := strings.Fields(string(line[end+1:]))
	const needed = 50 // from field 3 on to field 52
	if len(fields) < needed || len(fields[0]) != 1 {
		return Stat{}, fmt.Errorf("/proc/PID/stat: %d fields after the name", len(fields))
	}
	var bad error
	number := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil && bad == nil {
			bad = fmt.Errorf("/proc/PID/stat: %w", err)
		}
		return n
	}
	field := func(n int) int64 { return number(fields[n-3]) } // numbered as in the manual page
	p := Stat{
		Identity: Identity{Pid: int(number(strings.TrimSpace(string(line[:open])))), Start: uint64(field(22))},
		State:    fields[0][0],
		Name:     string(line[open+1 : end]),
		Parent:   int(field(4)),
		Group:    int(field(5)),
		Session:  int(field(6)),
		CPU:      time.Duration(field(14)+field(15)) * Tick,
		Threads:  int(field(20)),
		RSS:      field(24) * int64(os.Getpagesize()),
		exit:     uint32(field(52)),
	}
	return p, bad
}

// Self is the identity of the calling process.
func Self() (Identity, error) { return Of(os.Getpid()) }

// Of is the identity of the process that has the id pid now.
func Of(pid int) (Identity, error) {
	p, err := ReadStat(pid)
	return p.Identity, err
}

// Running reports whether the process has not ended. One that has and was not
// waited for yet does not run.
func (id Identity) Running() bool {
	if id.Pid <= 0 {
		return false
	}
	p, err := ReadStat(id.Pid)
	return err == nil && p.Start == id.Start && !p.Ended()
}

// Ended reports whether only the status of the process is left.
func (p *Stat) Ended() bool { return p.State == 'Z' || p.State == 'X' }

// Stopped reports whether the process is stopped by a signal or by its tracer.
func (p *Stat) Stopped() bool { return p.State == 'T' || p.State == 't' }

// mayKnowExit reports whether the kernel tells the caller the status of a zombie.
func (p *Stat) mayKnowExit() bool {
	if os.Geteuid() == 0 {
		return true
	}
	var st unix.Stat_t
	err := unix.Stat("/proc/"+strconv.Itoa(p.Pid), &st)
	return err == nil && int(st.Uid) == os.Geteuid()
}

// Open returns a pidfd for the process, which the caller closes. It is
// close-on-exec and usable even when the process has ended but was not waited
// for. The error wraps ErrGone if the process is not there any more.
func (id Identity) Open() (pidfd int, err error) {
	pidfd, err = unix.PidfdOpen(id.Pid, 0)
	if err != nil {
		if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
			return -1, fmt.Errorf("process %d: %w", id.Pid, ErrGone)
		}
		return -1, fmt.Errorf("open pidfd of process %d: %w", id.Pid, err)
	}
	// The pidfd is opened first: the process that it means cannot change after
	// the comparison.
	p, err := ReadStat(id.Pid)
	if err == nil && p.Start != id.Start {
		err = fmt.Errorf("process %d: %w", id.Pid, ErrGone)
	}
	if err != nil {
		unix.Close(pidfd)
		return -1, err
	}
	return pidfd, nil
}

// Signal sends a signal to the process and to no other. The error wraps ErrGone
// if it is not there any more.
func (id Identity) Signal(sig unix.Signal) error {
	pidfd, err := id.Open()
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	if err := unix.PidfdSendSignal(pidfd, sig, nil, 0); err != nil {
		if errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("process %d: %w", id.Pid, ErrGone)
		}
		return fmt.Errorf("send signal %d to process %d: %w", sig, id.Pid, err)
	}
	return nil
}

// CommandLine returns the arguments of a process, the first being its name; none if
// it has ended.
func CommandLine(pid int) []string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}
