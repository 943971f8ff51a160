package channel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Channel is a mapped channel. Its methods may be called by any thread at any time
// until Close. Those that write do nothing if the Channel is nil: a process without
// a channel needs no case of its own.
type Channel struct {
	base     unsafe.Pointer
	mem      []byte
	dev, ino uint64
}

// ErrChannel is the error that a file which is not a channel of this version gives.
var ErrChannel = errors.New("not a walisup channel")

// fileName is the name of the memory file. Guests are kept from files of such names,
// see wali's fileGuard.
const fileName = "walisup-channel"

// seals keep the size as it is, so that no access can fault.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// Create makes the channel of a new instance and returns it with its descriptor,
// which is close-on-exec and the caller's to close. The channel lives in memory, so no full
// disk can hurt it, for as long as one process has it open; see [Find].
//
// It fails with EFBIG if the caller's RLIMIT_FSIZE is less than [Size].
func Create(name string) (c *Channel, fd int, err error) {
	if len(name) > MaxName || strings.IndexByte(name, 0) >= 0 {
		return nil, -1, fmt.Errorf("create channel: bad instance name %q", name)
	}
	var limit unix.Rlimit
	// Beyond the limit the kernel would send SIGXFSZ.
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &limit) == nil && limit.Cur < Size {
		return nil, -1, fmt.Errorf("create channel of %d bytes under a file size limit of %d: %w", Size, limit.Cur, unix.EFBIG)
	}
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err = unix.MemfdCreate(fileName, flags|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL { // before Linux 6.3
		fd, err = unix.MemfdCreate(fileName, flags)
	}
	if err != nil {
		return nil, -1, fmt.Errorf("create channel: %w", err)
	}
	if c, err = fill(fd, name); err != nil {
		unix.Close(fd)
		return nil, -1, fmt.Errorf("create channel: %w", err)
	}
	return c, fd, nil
}

func fill(fd int, name string) (*Channel, error) {
	if err := unix.Ftruncate(fd, Size); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, err
	}
	c, err := mapChecked(fd)
	if err != nil {
		return nil, err
	}
	for _, f := range header {
		c.store32(f.offset, f.value)
	}
	c.store64(headSize, Size)
	c.store64(headCreated, realTime())
	copy(c.bytes(headName, MaxName), name)
	return c, nil
}

// header is the part of the header that must be as it is.
var header = [...]struct {
	name   string
	offset uintptr
	value  uint32
}{
	{"magic", headMagic, magic},
	{"version", headVersion, version},
	{"number of slots", headSlots, Slots},
	{"size of a slot", headSlotSize, slotSize},
	{"number of events", headEvents, Events},
	{"size of an event", headEventSize, eventSize},
}

// Map maps the channel in file fd, which may be closed afterwards. It fails with
// [ErrChannel] if the file is no channel, or could change its size.
func Map(fd int) (*Channel, error) {
	c, err := mapChecked(fd)
	if err != nil {
		return nil, fmt.Errorf("map channel: %w", err)
	}
	for _, f := range header {
		if v := c.load32(f.offset); v != f.value {
			c.Close()
			return nil, fmt.Errorf("%w: %s is %#x, want %#x", ErrChannel, f.name, v, f.value)
		}
	}
	return c, nil
}

// mapChecked maps a file that may be trusted to keep its size.
func mapChecked(fd int) (*Channel, error) {
	have, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || have&seals != seals {
		return nil, fmt.Errorf("%w: descriptor %d is not sealed", ErrChannel, fd)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Size != Size {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrChannel, st.Size, Size)
	}
	c, err := mapFile(fd)
	if err == nil {
		c.dev, c.ino = st.Dev, st.Ino
	}
	return c, err
}

// File tells the channel's file from all others.
func (c *Channel) File() (dev, ino uint64) { return c.dev, c.ino }

func mapFile(fd int) (*Channel, error) {
	mem, err := unix.Mmap(fd, 0, Size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &Channel{base: pointer(mem), mem: mem}, nil
}

// Close unmaps the channel.
func (c *Channel) Close() error {
	if c == nil || c.mem == nil {
		return nil
	}
	err := unix.Munmap(c.mem)
	c.mem, c.base = nil, nil
	return err
}

// Name is the name of the instance, as far as it can be believed.
func (c *Channel) Name() string {
	name, _, _ := bytes.Cut(c.bytes(headName, MaxName), []byte{0})
	return printable(name)
}

// SetNotes leaves a text for those who look at the instance. What is longer than
// NotesSize is cut.
func (c *Channel) SetNotes(text string) {
	room := c.bytes(headNotes, NotesSize)
	clear(room[copy(room, text):])
}

// Notes returns lines of what SetNotes has left, as far as it can be believed.
func (c *Channel) Notes() (lines []string) {
	text, _, _ := bytes.Cut(c.bytes(headNotes, NotesSize), []byte{0})
	for line := range bytes.Lines(bytes.Clone(text)) {
		lines = append(lines, printable(bytes.TrimSuffix(line, []byte{'\n'})))
	}
	return lines
}

// Created is when the channel was made, as far as it can be believed.
func (c *Channel) Created() time.Time { return time.Unix(0, int64(c.load64(headCreated))) }

// Find opens the channel that process pid, a supervisor or a helper, has open. The
// error is ESRCH if there is no such process, ENOENT if it has no channel, and
// EACCES if it is another user's.
func Find(pid int) (fd int, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = unix.ESRCH
		}
		return -1, fmt.Errorf("find channel of process %d: %w", pid, err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if target, err := os.Readlink(path); err != nil || target != "/memfd:"+fileName+" (deleted)" {
			continue
		}
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, fmt.Errorf("open channel of process %d: %w", pid, err)
		}
		return fd, nil
	}
	return -1, fmt.Errorf("process %d has no channel: %w", pid, unix.ENOENT)
}

// Helper says how a process of the instance is recognised from outside.
type Helper struct {
	Dev, Ino uint64 // the helper's executable; 0 if not known
	FD       int    // number of the channel's descriptor in helpers
}

// SetHelper is for the supervisor, before it starts the first helper.
func (c *Channel) SetHelper(h Helper) {
	if c == nil {
		return
	}
	c.store64(headHelperDev, h.Dev)
	c.store64(headHelperIno, h.Ino)
	c.store32(headHelperFD, uint32(h.FD))
}

// Helper returns what SetHelper has said, as far as it can be believed.
func (c *Channel) Helper() Helper {
	return Helper{Dev: c.load64(headHelperDev), Ino: c.load64(headHelperIno), FD: int(int32(c.load32(headHelperFD)))}
}
