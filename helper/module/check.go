package module

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// MaxSize is the size in bytes of the largest file that is accepted. Offsets inside a module then fit 32 bits
// with room for what is added.
const MaxSize = 512 << 20

// HeaderSize is the number of leading bytes that make [Check] as telling as it can be.
const HeaderSize = 256

const headerLength = 8

var (
	magic         = []byte("\x00asm")
	versionModule = []byte{1, 0, 0, 0}
)

// Check looks at the first bytes of a file and its size in bytes, and says in one line why it cannot be a
// module; nil means that it may be one. The header should be [HeaderSize] bytes or the whole file if that is
// shorter. Errors about files that are no WebAssembly at all wrap [ErrNotWasm].
func Check(header []byte, size int64) error {
	if size > MaxSize {
		if len(header) < 4 || !bytes.Equal(header[:4], magic) {
			return notWasm(header, size)
		}
		return errorf("", -1, "module of %d bytes is over the limit of %d bytes", size, int64(MaxSize))
	}
	if len(header) >= 4 && bytes.Equal(header[:4], magic) {
		if len(header) < headerLength {
			return errorf("", len(header), "truncated: the file ends inside its header")
		}
		version := header[4:8]
		switch {
		case bytes.Equal(version, versionModule):
			return nil
		case version[2] == 1 && version[3] == 0:
			return errorf("", 4, "a WebAssembly component, not a core module (version bytes % x)", version)
		default:
			return errorf("", 4, "unsupported WebAssembly version (version bytes % x, expected 01 00 00 00)", version)
		}
	}
	return notWasm(header, size)
}

func notWasm(header []byte, size int64) *Error {
	return &Error{Offset: -1, Reason: ErrNotWasm.Error() + ": " + describe(header, size), kind: ErrNotWasm}
}

// describe names what a file seems to be from its first bytes.
func describe(header []byte, size int64) string {
	trimmed := bytes.TrimLeft(header, " \t\r\n\ufeff")
	switch {
	case len(header) == 0:
		return "the file is empty"
	case len(header) < len(magic) && bytes.HasPrefix(magic, header):
		return fmt.Sprintf("truncated after %d bytes", size)
	case bytes.HasPrefix(header, []byte("\x7fELF")):
		return "a native ELF file"
	case bytes.HasPrefix(header, []byte("#!")):
		line, _, _ := bytes.Cut(header, []byte("\n"))
		if !utf8.Valid(line) {
			return "a script"
		}
		return fmt.Sprintf("a script (%.100q)", line)
	case bytes.HasPrefix(trimmed, []byte("(module")), bytes.HasPrefix(trimmed, []byte("(component")),
		bytes.HasPrefix(trimmed, []byte(";;")):
		return "WebAssembly text, which must be assembled first"
	case bytes.HasPrefix(header, []byte("BC\xc0\xde")):
		return "LLVM bitcode"
	case bytes.HasPrefix(header, []byte("!<arch>")), bytes.HasPrefix(header, []byte("!<thin>")):
		return "an archive of object files"
	case bytes.HasPrefix(header, []byte("\x1f\x8b")):
		return "gzip-compressed data"
	case bytes.HasPrefix(header, []byte("\x28\xb5\x2f\xfd")):
		return "zstd-compressed data"
	}
	return fmt.Sprintf("it begins with % x", header[:min(len(header), 8)])
}
