// Package pidfile writes files that hold the id of a process for as long as it runs.
//
// Whether one can be written has to be known before the process is started, and what
// it says only afterwards. So [Prepare] makes the file under another name, with
// room for a number, and [File.Publish] gives it its own. Nobody ever sees one
// that is empty or says something else.
//
// Nothing but a regular file is replaced, and no symbolic link followed: the directory
// may be one that others can write to, and root may have been led to /dev/null.
package pidfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// File is a pid file that is about to be written. Its methods do nothing for a nil
// File.
type File struct {
	path string
	temp string // empty if the file is written in its place
	file *os.File
}

// room is more than any number takes.
const room = 16

// Prepare makes sure that a pid file can be written; nil if path is empty. Publish or
// Abandon is to follow.
func Prepare(path string) (*File, error) {
	if path == "" {
		return nil, nil
	}
	f, err := prepare(path)
	if err != nil {
		f.Abandon()
		return nil, problem(path, err)
	}
	return f, nil
}

func problem(path string, err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		err = pathErr.Err
	} else if linkErr, ok := errors.AsType[*os.LinkError](err); ok {
		err = linkErr.Err
	}
	return fmt.Errorf("pid file %s: %w", path, err)
}

func prepare(path string) (*File, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode()&os.ModeSymlink != 0:
		return nil, errors.New("is a symbolic link: name the file itself")
	case !info.Mode().IsRegular():
		return nil, errors.New("is there and not a regular file")
	}
	var random [8]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil {
		return nil, os.NewSyscallError("getrandom", err)
	}
	f := &File{path: path, temp: filepath.Join(filepath.Dir(path), ".walisup-"+hex.EncodeToString(random[:])+".pid")}
	f.file, err = os.OpenFile(f.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		f.temp = ""
		if info == nil {
			return nil, err
		}
		// Who may not make files there may have been given one.
		file, inPlace := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if inPlace != nil {
			return nil, err
		}
		f.file = file
		return f, nil
	}
	_, err = f.file.Write(make([]byte, room))
	return f, err
}

// Publish writes the process's id.
func (f *File) Publish(pid int) error {
	if f == nil {
		return nil
	}
	data := text(pid)
	_, err := f.file.WriteAt(data, 0)
	if err == nil {
		err = f.file.Truncate(int64(len(data)))
	}
	if closing := f.file.Close(); err == nil {
		err = closing
	}
	f.file = nil
	if err == nil && f.temp != "" {
		err = os.Rename(f.temp, f.path)
	}
	if err != nil {
		f.Abandon()
		return problem(f.path, err)
	}
	f.temp = ""
	return nil
}

func text(pid int) []byte { return append(strconv.AppendInt(nil, int64(pid), 10), '\n') }

// Abandon gives up a file that has not been published.
func (f *File) Abandon() {
	if f == nil {
		return
	}
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
	if f.temp != "" {
		os.Remove(f.temp)
		f.temp = ""
	}
}

// Remove removes a pid file, if it still is that of process pid: another process may
// have taken the name for its own.
func Remove(path string, pid int) error {
	if path == "" {
		return nil
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // it is gone, or none of ours
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	data := make([]byte, room)
	n, _ := file.ReadAt(data, 0)
	if string(data[:n]) != string(text(pid)) {
		return nil
	}
	err = os.Remove(path)
	if errors.Is(err, os.ErrPermission) && os.Truncate(path, 0) == nil {
		return nil // one that was given to us, see prepare
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return problem(path, err)
	}
	return nil
}
