package oci

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// rootfs is a container's view of its files, seen from the host.
type rootfs struct {
	dir    *os.File
	mounts []bind // innermost last
}

// bind is a file or directory of the host that is mounted into the container.
type bind struct{ target, source string }

// openRoot opens the root directory of a container. The caller closes it.
func openRoot(dir string, mounts []bind) (*rootfs, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the root file system %s: %w", dir, err)
	}
	return &rootfs{dir: os.NewFile(uintptr(fd), dir), mounts: mounts}, nil
}

func (r *rootfs) close() { r.dir.Close() }

// open opens a file as a process in the container would, for reading. No symbolic link leads
// out of the root, and a FIFO or device is not waited for.
func (r *rootfs) open(name string) (*os.File, error) {
	name = path.Clean("/" + name)
	in, rest := r.dir, name
	// The last mount that holds the name hides earlier ones.
	for _, m := range slices.Backward(r.mounts) {
		below, ok := strings.CutPrefix(name, m.target)
		if !ok || below != "" && below[0] != '/' {
			continue
		}
		if below == "" {
			return os.OpenFile(m.source, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		}
		fd, err := unix.Open(m.source, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
		in, rest = os.NewFile(uintptr(fd), m.source), below
		defer in.Close()
		break
	}
	fd, err := unix.Openat2(int(in.Fd()), rest, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// kind is what a program is to the kernel.
type kind int

const (
	native kind = iota // or what the kernel will refuse
	wasm
)

// program is what a process starts.
type program struct {
	kind kind
	path string // absolute, in the container: what is executed
	// file is the path of the module: path, or the interpreter of a script.
	file string
	// script is what a script puts in place of argv[0]: see execve(2), "Interpreter scripts".
	script []string
}

// arguments returns the module's, where args are the process's.
func (p *program) arguments(args []string) []string {
	if p.script == nil {
		return args
	}
	return append(slices.Clone(p.script), args[1:]...)
}

// moduleMagic begins every WebAssembly module, version 1.
const moduleMagic = "\x00asm\x01\x00\x00\x00"

// deepest is how many interpreters of interpreters Linux follows (binfmt_script).
const deepest = 5

// find looks a program up as execvp(3) does in the container: name in the directories of
// path if it has no slash, otherwise relative to cwd. Whatever cannot be executed is left to
// the other runtime, whose errors the callers know.
func (r *rootfs) find(name, cwd, searchPath string) (program, error) {
	if strings.Contains(name, "/") {
		if !path.IsAbs(name) {
			name = path.Join("/", cwd, name)
		}
		return r.examine(name)
	}
	for _, dir := range filepath.SplitList(searchPath) {
		if dir == "" || name == "" {
			continue
		}
		if !path.IsAbs(dir) {
			dir = path.Join("/", cwd, dir)
		}
		full := path.Join(dir, name)
		p, err := r.examine(full)
		if err == nil && p.path != "" {
			return p, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, os.ErrPermission) {
			return program{}, err
		}
	}
	return program{}, nil
}

// examine says what the file is. One that nobody may execute is no program: path is empty.
func (r *rootfs) examine(name string) (program, error) {
	p := program{path: name, file: name}
	for range deepest {
		head, err := r.head(p.file)
		if err != nil {
			return program{}, err
		}
		if head == "" {
			return program{}, nil
		}
		if strings.HasPrefix(head, moduleMagic) {
			p.kind = wasm
			return p, nil
		}
		line, ok := strings.CutPrefix(head, "#!")
		if !ok {
			return p, nil
		}
		line, _, _ = strings.Cut(line, "\n")
		line = strings.Trim(line, " \t")
		interpreter, argument, hasArgument := line, "", false
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			interpreter, argument, hasArgument = line[:i], strings.TrimLeft(line[i:], " \t"), true
		}
		if !path.IsAbs(interpreter) {
			return p, nil
		}
		inner := []string{interpreter}
		if hasArgument {
			inner = append(inner, argument)
		}
		inner = append(inner, p.file)
		if p.script != nil {
			inner = append(inner, p.script[1:]...)
		}
		p.script, p.file = inner, interpreter
	}
	return p, nil
}

// head returns the beginning of a file that somebody may execute, else nothing.
func (r *rootfs) head(name string) (string, error) {
	file, err := r.open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0 {
		return "", nil
	}
	buffer := make([]byte, 256) // what Linux reads of a program: BINPRM_BUF_SIZE
	n, err := file.Read(buffer)
	if n == 0 && err != nil {
		return "", nil
	}
	return string(buffer[:n]), nil
}
