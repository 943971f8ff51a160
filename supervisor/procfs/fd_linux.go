package procfs

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// FindFD returns a descriptor by which a process has the file dev, ino open. It looks at
// the descriptor first before it looks at all others.
func FindFD(pid, first int, dev, ino uint64) (fd int, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
	same := func(fd int) bool {
		var st unix.Stat_t
		return unix.Stat(dir+strconv.Itoa(fd), &st) == nil && st.Dev == dev && st.Ino == ino
	}
	if same(first) {
		return first, true
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && same(fd) {
			return fd, true
		}
	}
	return -1, false
}
