//go:build linux && (amd64 || arm64)

package memory

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// copyChunk is what is copied at a time. It lies on the stack, and a page needs no more.
const copyChunk = 4096

// Copy copies n bytes at q of the memory from to p of the memory to. Each byte is read
// once. It returns EFAULT if one of the ranges is not accessible; bytes before that may have
// been copied then.
func Copy(to *Memory, p uint32, from *Memory, q, n uint32) unix.Errno {
	var chunk [copyChunk]byte
	if uint64(p)+uint64(n) > 1<<32 || uint64(q)+uint64(n) > 1<<32 {
		return unix.EFAULT
	}
	for n > 0 {
		part := chunk[:min(n, copyChunk)]
		if e := from.Read(q, part); e != 0 {
			return e
		}
		if e := to.Write(p, part); e != 0 {
			return e
		}
		k := uint32(len(part))
		p, q, n = p+k, q+k, n-k
	}
	return 0
}

// CopyString copies the string at q of the memory from, and its NUL, to p of the memory to,
// where there is room for size bytes. It returns the length without the NUL, or a negative
// errno: EFAULT, or ENAMETOOLONG if there is no NUL among the first size bytes. Each byte is
// read once, and nothing behind the NUL is written.
func CopyString(to *Memory, p uint32, from *Memory, q, size uint32) int64 {
	var chunk [copyChunk]byte
	for n := uint32(0); n < size; {
		// Up to the end of a page of the string: what follows it may not be accessible.
		part := chunk[:min(size-n, PageSize-(q+n)%PageSize)]
		if uint64(q)+uint64(n)+uint64(len(part)) > 1<<32 || uint64(p)+uint64(n)+uint64(len(part)) > 1<<32 {
			return -int64(unix.EFAULT)
		}
		if e := from.Read(q+n, part); e != 0 {
			return -int64(e)
		}
		end := bytes.IndexByte(part, 0)
		if end >= 0 {
			part = part[:end+1]
		}
		if e := to.Write(p+n, part); e != 0 {
			return -int64(e)
		}
		if end >= 0 {
			return int64(n) + int64(end)
		}
		n += uint32(len(part))
	}
	return -int64(unix.ENAMETOOLONG)
}
