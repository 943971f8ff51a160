package tree

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// stat is what the kernel says of a process: proc(5), /proc/PID/stat.
type stat struct {
	name    string
	state   byte
	parent  int
	group   int
	session int
	user    uint64 // ticks
	system  uint64 // ticks
	threads int
	start   uint64 // ticks after boot
	pages   uint64 // resident
	exit    uint32 // wait status of a zombie, 0 for those who may not know
}

// tick is the unit of times in /proc: USER_HZ is 100 on all architectures that Go
// runs on.
const tick = 10 * time.Millisecond

// errGone says that there is no such process.
var errGone = errors.New("no such process")

func readStat(pid int) (stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			err = errGone
		}
		return stat{}, err
	}
	return parseStat(data)
}

func parseStat(data []byte) (s stat, err error) {
	// The name in parentheses may itself hold any character.
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return s, errors.New("no name in /proc/PID/stat")
	}
	s.name = string(data[open+1 : end])
	fields := bytes.Fields(data[end+1:])
	const first = 3 // number of fields[0] in proc(5)
	number := func(field int) (v uint64) {
		if err != nil {
			return 0
		}
		if field-first >= len(fields) {
			err = errors.New("fields are missing in /proc/PID/stat")
			return 0
		}
		var signed int64
		signed, err = strconv.ParseInt(string(fields[field-first]), 10, 64)
		if err != nil {
			v, err = strconv.ParseUint(string(fields[field-first]), 10, 64)
			return v
		}
		return uint64(signed)
	}
	if len(fields) > 0 {
		s.state = fields[0][0]
	}
	s.parent, s.group, s.session = int(number(4)), int(number(5)), int(number(6))
	s.user, s.system = number(14), number(15)
	s.threads = int(number(20))
	s.start, s.pages = number(22), number(24)
	s.exit = uint32(number(52))
	return s, err
}

// children returns the processes whose parent is pid, as the kernel lists them. A
// list that changes meanwhile may be incomplete.
func children(pid int) []int {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	tasks, err := readNames(dir)
	if err != nil {
		return nil
	}
	var list []int
	for _, task := range tasks {
		data, err := os.ReadFile(dir + "/" + task + "/children")
		if errors.Is(err, os.ErrNotExist) && !haveChildrenFiles() {
			return scanChildren(pid)
		}
		for _, word := range bytes.Fields(data) {
			if child, err := strconv.Atoi(string(word)); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// haveChildrenFiles reports whether the kernel has /proc/PID/task/TID/children,
// which is an option (CONFIG_PROC_CHILDREN).
func haveChildrenFiles() bool {
	_, err := os.Stat("/proc/thread-self/children")
	return err == nil
}

// scanChildren is children for kernels that do not list them.
func scanChildren(pid int) []int {
	names, err := readNames("/proc")
	if err != nil {
		return nil
	}
	var list []int
	for _, name := range names {
		child, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if s, err := readStat(child); err == nil && s.parent == pid {
			list = append(list, child)
		}
	}
	return list
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// bootTime is when the machine was started, by the clocks that it has now.
func bootTime() time.Time {
	var boot, real unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil {
		return time.Time{}
	}
	return time.Unix(0, real.Nano()-boot.Nano())
}
