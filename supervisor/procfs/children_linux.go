package procfs

import (
	"bytes"
	"errors"
	"os"
	"strconv"
)

// Children returns the processes whose parent is pid, as the kernel lists them. A
// list that changes meanwhile may be incomplete.
func Children(pid int) []int {
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
		if s, err := ReadStat(child); err == nil && s.Parent == pid {
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
