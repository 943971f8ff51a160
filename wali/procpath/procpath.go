// Package procpath reads names of files below /proc, by which processes and their
// descriptors are reached.
//
// A name that it understands is what somebody has spelled, or what the kernel calls a file
// of a procfs. Whether it leads there is not its business.
package procpath

import (
	"bytes"
	"strconv"
)

// Owner parses the path of a file in a process's directory of procfs, such as
// /proc/12/exe or /proc/12/task/13/fd, and returns the process and the file's name. The
// procfs may be mounted anywhere. pid is 0 if it is no such path.
func Owner(path []byte) (pid int, name string) {
	dir, file := cutLast(path)
	up, number := cutLast(dir)
	if above, task := cutLast(up); string(task) == "task" {
		_, number = cutLast(above)
	}
	pid, err := strconv.Atoi(string(number))
	if err != nil || pid <= 0 {
		return 0, ""
	}
	return pid, string(file)
}

func cutLast(path []byte) (dir, name []byte) {
	i := bytes.LastIndexByte(path, '/')
	if i < 0 {
		return nil, path
	}
	return path[:i], path[i+1:]
}

// Descriptor returns the descriptor that a path such as /proc/self/fd/5 or /dev/fd/5, or
// one that goes on behind it, leads to in process pid.
func Descriptor(path []byte, pid int) (fd int32, ok bool) {
	if rest, found := bytes.CutPrefix(path, []byte("/dev/fd/")); found {
		return Number(rest)
	}
	rest, found := bytes.CutPrefix(path, []byte("/proc/"))
	if !found {
		return 0, false
	}
	process, rest, _ := bytes.Cut(rest, []byte("/"))
	switch string(process) {
	case "self", "thread-self":
	default:
		if string(process) != strconv.Itoa(pid) {
			return 0, false
		}
	}
	dir, rest, _ := bytes.Cut(rest, []byte("/"))
	if string(dir) == "task" {
		_, rest, _ = bytes.Cut(rest, []byte("/"))
		dir, rest, _ = bytes.Cut(rest, []byte("/"))
	}
	if string(dir) != "fd" && string(dir) != "fdinfo" {
		return 0, false
	}
	return Number(rest)
}

// Number returns the number that the first component of a path is.
func Number(path []byte) (n int32, ok bool) {
	name, _, _ := bytes.Cut(path, []byte("/"))
	v, err := strconv.ParseInt(string(name), 10, 32)
	return int32(v), err == nil
}

// File is the path by which a process reaches what its descriptor fd leads to.
func File(fd int32) string { return "/proc/self/fd/" + strconv.Itoa(int(fd)) }
