//go:build linux && (amd64 || arm64)

package memory

import (
	"testing"

	"golang.org/x/sys/unix"
)

func BenchmarkLoad32(b *testing.B) {
	m := newMemory(b)
	for b.Loop() {
		if _, errno := m.Load32(0x10000); errno != 0 {
			b.Fatal(errno)
		}
	}
}

func BenchmarkReadCString(b *testing.B) {
	m := newMemory(b)
	m.Write(0x10000, []byte("/usr/share/doc/base-files/README\x00"))
	buf := make([]byte, 4096)
	for b.Loop() {
		if _, errno := m.ReadCString(0x10000, buf); errno != 0 {
			b.Fatal(errno)
		}
	}
}

// mmap and munmap of 64 KiB that is not touched, beside the kernel's own.
func BenchmarkMmapMunmap(b *testing.B) {
	const size = 64 << 10
	b.Run("here", func(b *testing.B) {
		m := newMemory(b)
		b.ReportAllocs()
		for b.Loop() {
			at, errno := m.Mmap(0, size, rw, private, -1, 0)
			if errno != 0 {
				b.Fatal(errno)
			}
			if errno := m.Munmap(at, size); errno != 0 {
				b.Fatal(errno)
			}
		}
	})
	b.Run("Linux", func(b *testing.B) {
		for b.Loop() {
			at, errno := native(unix.SYS_MMAP, 0, size, rw, private, ^uintptr(0), 0)
			if errno != 0 {
				b.Fatal(errno)
			}
			if _, errno := native(unix.SYS_MUNMAP, at, size); errno != 0 {
				b.Fatal(errno)
			}
		}
	})
}

// The same with many other mappings about.
func BenchmarkMmapMunmapAmong1000(b *testing.B) {
	const size = 64 << 10
	m := newMemory(b)
	for i := range uint64(1000) {
		mustMap(b, m, testLimit-PageSize*(2*i+1), PageSize, rw, private|unix.MAP_FIXED)
	}
	for b.Loop() {
		at, errno := m.Mmap(0, size, rw, private, -1, 0)
		if errno != 0 {
			b.Fatal(errno)
		}
		if errno := m.Munmap(at, size); errno != 0 {
			b.Fatal(errno)
		}
	}
}

func BenchmarkBrk(b *testing.B) {
	m := newMemory(b)
	for b.Loop() {
		m.Brk(testBreak + 64<<10)
		m.Brk(testBreak)
	}
}
