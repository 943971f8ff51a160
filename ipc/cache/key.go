package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// Key names an entry. It begins with the build of the helper that made it, by which
// [Dir.Store] finds what other builds have left behind; the rest is a hash of
// everything that the entry's content depends on.
type Key [buildSize + sha256.Size]byte

const buildSize = 8

// String is the file name of the entry.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Context is what an entry depends on besides the module file's content.
type Context struct {
	// Build is the helper that made the entry and is the only one to run it; see
	// [BuildID]. It stands for the engine and all that is known of its compiler's
	// output.
	Build string

	KeepDebug, PlainTables bool // see ipc.Boot

	// OnlyWazero is for entries that are code of the engine wazero in any case. Without
	// it walisup compile --native puts native code in the place of such an entry.
	OnlyWazero bool

	// Role is what the module is compiled for, see ipc.Boot.
	Role ipc.Role
}

// Sum is a hash of the context and of the processor's features.
func (c *Context) Sum() [sha256.Size]byte {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], processorFeatures())
	if c.PlainTables {
		head[4] = 1
	}
	if c.KeepDebug {
		head[5] = 1
	}
	head[6] = byte(c.Role)
	if c.OnlyWazero {
		head[7] = 1
	}
	return sha256.Sum256(append(head[:], c.Build...))
}

// Key returns the key of the entry for a module file's content.
func (c *Context) Key(content []byte) (k Key) {
	build := sha256.Sum256([]byte(c.Build))
	h := sha256.New()
	context := c.Sum()
	h.Write(context[:])
	h.Write(content)
	copy(k[:], build[:buildSize])
	h.Sum(k[buildSize:buildSize])
	return k
}

// KeyOf returns the key of the entry for the first size bytes of a sealed file.
func (c *Context) KeyOf(fd int, size int64) (k Key, err error) {
	content, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return k, fmt.Errorf("map a module: %w", err)
	}
	defer unix.Munmap(content)
	return c.Key(content), nil
}

// processorFeatures are those that the compiler makes use of.
func processorFeatures() uint32 {
	var bits uint32
	for i, has := range []bool{cpu.X86.HasSSE3, cpu.X86.HasSSE41, cpu.X86.HasSSE42, cpu.X86.HasBMI1, cpu.X86.HasBMI2, cpu.X86.HasPOPCNT, cpu.ARM64.HasATOMICS} {
		if has {
			bits |= 1 << i
		}
	}
	return bits
}

// BuildIDHead is how many leading bytes of a program [BuildID] wants to see.
const BuildIDHead = 4096

// ErrNoBuildID is the error of a program that was linked without a build ID.
var ErrNoBuildID = errors.New("it was linked without a Go build ID (-buildid): build it with make")

// BuildID returns the build ID of a Go program from the beginning of its ELF file, or
// of the first page of its image in memory, which is the same. It ends in a hash of the
// whole file, so two programs that differ have different ones.
func BuildID(head []byte) (string, error) {
	// elf(5). The linker keeps the notes in the page of the header.
	const (
		headerSize, segmentSize = 64, 56
		typeNote                = 4
		noteBuildID             = 4 // cmd/internal/buildid
	)
	le := binary.LittleEndian
	if len(head) < headerSize || !bytes.HasPrefix(head, []byte("\x7fELF\x02\x01\x01")) {
		return "", errors.New("not an ELF program for a 64-bit processor")
	}
	offset, size, count := le.Uint64(head[32:]), int(le.Uint16(head[54:])), int(le.Uint16(head[56:]))
	for range count {
		if size < segmentSize || offset > uint64(len(head)-segmentSize) {
			break
		}
		segment := head[offset:]
		offset += uint64(size)
		begin, length := le.Uint64(segment[8:]), le.Uint64(segment[32:])
		if le.Uint32(segment) != typeNote || begin > uint64(len(head)) || length > uint64(len(head))-begin {
			continue
		}
		for notes := head[begin : begin+length]; len(notes) >= 12; {
			name, description := align4(le.Uint32(notes)), align4(le.Uint32(notes[4:]))
			if name+description > uint64(len(notes)-12) {
				break
			}
			value := notes[12+name : 12+name+uint64(le.Uint32(notes[4:]))]
			if le.Uint32(notes[8:]) == noteBuildID && bytes.HasPrefix(notes[12:], []byte("Go\x00\x00")) && len(value) > 0 {
				return string(value), nil
			}
			notes = notes[12+name+description:]
		}
	}
	return "", fmt.Errorf("find the program's build: %w", ErrNoBuildID)
}

func align4(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
