// Package cache keeps compiled modules in a directory.
//
// An entry holds machine code that a helper maps and runs, so the directory's
// owner decides what runs: a directory that others may write to, or that belongs to
// somebody else, is refused. Entries are written under a temporary name and
// renamed, so a reader sees a whole entry or none; a damaged one is reported as
// absent and written again.
//
// An entry is run by the very build of the helper that made it and by no other: the
// key that names it begins with the build, see [Context]. What other builds have left
// behind is removed when nobody has used it for a week.
//
// All access is by plain system calls. Package os would register descriptors
// with the runtime's network poller, which must not exist in a helper.
package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// Entry is a compiled module. In an entry that was loaded, the slices lie in a
// mapping of the file that is never unmapped; Code and Glue are executable.
type Entry struct {
	Meta  []byte // the prepared module, without its code
	Head  []byte // see engine.Artifact
	Tail  []byte
	Names []byte // function names, for reports
	Lines []byte // source lines, for reports; empty without debug information
	Index []byte // of Glue, see engine.Glue
	Code  []byte
	Glue  []byte
}

// ErrAbsent is returned for an entry that is not there, or is damaged.
var ErrAbsent = errors.New("no such entry in the compile cache")

// Dir is an open cache directory.
type Dir struct {
	fd      int
	path    string
	readers uint32 // permission bits of others who may read the directory
}

// Open opens a cache directory, making it (mode 0700) if it does not exist.
func Open(path string) (*Dir, error) {
	fd, err := open(path)
	if err == unix.ENOENT {
		if err := makeAll(path); err != nil {
			return nil, fmt.Errorf("make compile cache %s: %w", path, err)
		}
		fd, err = open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open compile cache %s: %w", path, err)
	}
	return check(fd, path)
}

// OpenShared opens a cache directory that belongs to somebody else, for reading: the one with
// this device and inode, on a mount that nobody can write to. So whoever puts another in its
// place, in a mount namespace of his own, does not decide what runs.
func OpenShared(path string, dev, ino uint64) (*Dir, error) {
	fd, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open compile cache %s: %w", path, err)
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	err = unix.Fstat(fd, &st)
	if err == nil {
		err = unix.Fstatfs(fd, &fs)
	}
	switch {
	case err != nil:
	case st.Dev != dev || st.Ino != ino:
		err = errors.New("it is not the directory that was there at first")
	case fs.Flags&unix.ST_RDONLY == 0:
		err = errors.New("it is not mounted read-only")
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open shared compile cache %s: %w", path, err)
	}
	return &Dir{fd: fd, path: path}, nil
}

// check makes a Dir of an open directory if nobody else decides what is in it.
func check(fd int, path string) (*Dir, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open compile cache %s: %w", path, err)
	}
	if int(st.Uid) != unix.Geteuid() {
		unix.Close(fd)
		return nil, fmt.Errorf("compile cache %s belongs to user %d, not to you (user %d): choose another directory", path, st.Uid, unix.Geteuid())
	}
	if st.Mode&0o022 != 0 {
		unix.Close(fd)
		return nil, fmt.Errorf("others may write to the compile cache %s (mode %04o), and its entries are executable code: chmod go-w it, or choose another directory", path, st.Mode&0o7777)
	}
	return &Dir{fd: fd, path: path, readers: st.Mode & 0o044}, nil
}

func open(path string) (int, error) {
	return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

func makeAll(path string) error {
	err := unix.Mkdir(path, 0o700)
	if err == unix.ENOENT && filepath.Dir(path) != path {
		if err := makeAll(filepath.Dir(path)); err != nil {
			return err
		}
		err = unix.Mkdir(path, 0o700)
	}
	if err == unix.EEXIST {
		return nil
	}
	return err
}

// Close releases the directory.
func (d *Dir) Close() { unix.Close(d.fd) }

// Load maps the entry with this key. Its error is ErrAbsent, or says why the
// entry cannot be read.
func (d *Dir) Load(key Key) (*Entry, error) {
	fd, err := d.Open(key)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return Map(fd)
}

// Open opens the entry with this key without looking into it. The descriptor is
// close-on-exec and the caller's. The errors are those of Load.
func (d *Dir) Open(key Key) (fd int, err error) {
	fd, err = unix.Openat(d.fd, key.String(), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err == unix.ENOENT {
		return -1, ErrAbsent
	}
	if err != nil {
		return -1, fmt.Errorf("read compile cache %s: %w", d.path, err)
	}
	return fd, nil
}

// Store writes an entry, and removes what nobody has used for long.
func (d *Dir) Store(key Key, e *Entry) error {
	return d.StoreWith(key, func(fd int) error { return Write(fd, e) })
}

// create makes a file for whoever may read the directory.
func (d *Dir) create(name string) (fd int, err error) {
	fd, err = unix.Openat(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err == nil && d.readers != 0 {
		err = unix.Fchmod(fd, 0o600|d.readers)
		if err != nil {
			unix.Close(fd)
		}
	}
	return fd, err
}

// StoreWith is Store for an entry that write writes to an empty file.
func (d *Dir) StoreWith(key Key, write func(fd int) error) error {
	name := key.String()
	temp := name + "." + strconv.Itoa(unix.Getpid()) + ".tmp"
	fd, err := d.create(temp)
	if err != nil {
		return fmt.Errorf("write compile cache %s: %w", d.path, err)
	}
	if err = write(fd); err == nil {
		err = unix.Fsync(fd)
	}
	unix.Close(fd)
	if err == nil {
		err = unix.Renameat(d.fd, temp, d.fd, name)
	}
	if err != nil {
		unix.Unlinkat(d.fd, temp, 0)
		return fmt.Errorf("write compile cache %s: %w", d.path, err)
	}
	d.prune(key, time.Now())
	return nil
}

// Layout of an entry, little-endian:
//
//	 0  magic "walisup\x04"
//	 8  u32 checksum of everything from 12 to the end of Index
//	12  u32 sizes of Meta, Head, Tail, Names, Lines, Index, Glue
//	40  u64 size of Code
//	48  Meta, Head, Tail, Names, Lines, Index
//	    padding to a multiple of 4096
//	    Code
//	    padding to a multiple of 16
//	    Glue
const (
	magic         = "walisup\x04"
	headerSize    = 48
	glueSize      = 36 // where the size of Glue is
	codeSize      = 40 // where that of Code is
	pageSize      = 4096
	glueAlignment = 16
)

// checksum is not one of package hash/crc32: making its tables is one part in 25 of
// the time that a small module takes to start.
func checksum(b []byte) uint32 { return uint32(xxhash.Sum64(b)) }

func (e *Entry) parts() [6]*[]byte {
	return [6]*[]byte{&e.Meta, &e.Head, &e.Tail, &e.Names, &e.Lines, &e.Index}
}

// Write writes an entry to an empty file.
func Write(fd int, e *Entry) error {
	head := make([]byte, headerSize)
	copy(head, magic)
	for i, part := range e.parts() {
		binary.LittleEndian.PutUint32(head[12+4*i:], uint32(len(*part)))
		head = append(head, *part...)
	}
	binary.LittleEndian.PutUint32(head[glueSize:], uint32(len(e.Glue)))
	binary.LittleEndian.PutUint64(head[codeSize:], uint64(len(e.Code)))
	binary.LittleEndian.PutUint32(head[8:], checksum(head[12:]))
	head = append(head, make([]byte, -len(head)&(pageSize-1))...)
	if err := writeAll(fd, head); err != nil {
		return err
	}
	if err := writeAll(fd, e.Code); err != nil {
		return err
	}
	if err := writeAll(fd, make([]byte, -len(e.Code)&(glueAlignment-1))); err != nil {
		return err
	}
	return writeAll(fd, e.Glue)
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Map maps the entry in an open file. It returns ErrAbsent if the file is not
// a whole entry.
func Map(fd int) (*Entry, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("read compiled module: %w", err)
	}
	if st.Size < headerSize {
		return nil, ErrAbsent
	}
	file, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map compiled module: %w", err)
	}
	e := &Entry{}
	end := uint64(headerSize)
	for i := range e.parts() {
		end += uint64(binary.LittleEndian.Uint32(file[12+4*i:]))
	}
	code := (end + pageSize - 1) &^ (pageSize - 1)
	size := binary.LittleEndian.Uint64(file[codeSize:])
	glue := code + (size+glueAlignment-1)&^(glueAlignment-1)
	if string(file[:len(magic)]) != magic || end > uint64(len(file)) || size > uint64(len(file)) ||
		glue+uint64(binary.LittleEndian.Uint32(file[glueSize:])) != uint64(len(file)) ||
		checksum(file[12:end]) != binary.LittleEndian.Uint32(file[8:]) {
		unix.Munmap(file)
		return nil, ErrAbsent
	}
	p := headerSize
	for i, part := range e.parts() {
		n := int(binary.LittleEndian.Uint32(file[12+4*i:]))
		*part = file[p : p+n : p+n]
		p += n
	}
	if rest := file[code:]; len(rest) > 0 {
		e.Code, e.Glue = rest[:size:size], file[glue:]
		if err := mprotect(rest, uint64(len(rest)), unix.PROT_READ|unix.PROT_EXEC); err != nil {
			unix.Munmap(file)
			return nil, fmt.Errorf("map compiled module executable (is the cache on a file system mounted noexec?): %w", err)
		}
	}
	return e, nil
}

// mprotect changes whole pages from the start of b; the last page of a file
// mapping need not be full.
func mprotect(b []byte, size uint64, prot int) error {
	_, _, e := unix.RawSyscall(unix.SYS_MPROTECT, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(size), uintptr(prot))
	if e != 0 {
		return e
	}
	return nil
}
