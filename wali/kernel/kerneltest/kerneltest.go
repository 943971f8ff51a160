// Package kerneltest makes system calls in tests as a guest thread makes them in a helper,
// in a process that has no guest.
package kerneltest

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/wali/kernel"
)

// scratchSize is how much scratch space a Caller has, in bytes.
const scratchSize = 256 << 10

// Caller makes system calls and hands out scratch space. It belongs to the goroutine that
// made it.
type Caller struct {
	t     testing.TB
	space []byte
	used  int
}

// New locks the calling goroutine to its thread until the test has ended.
func New(t testing.TB) *Caller {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	space, err := unix.Mmap(-1, 0, scratchSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(space) })
	return &Caller{t: t, space: space}
}

// Call returns the kernel's own result: a value, or a negative errno.
func (c *Caller) Call(nr, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	return kernel.Syscall(nr, a0, a1, a2, a3, a4, a5)
}

// BlockOnce is Call: no signal interrupts it.
func (c *Caller) BlockOnce(nr, a0, a1, a2, a3, a4, a5 uintptr) (r int64, again bool) {
	return c.Call(nr, a0, a1, a2, a3, a4, a5), false
}

// Alloc returns zeroed scratch space, aligned to 16 bytes. The test fails if there is none.
func (c *Caller) Alloc(size int) []byte {
	start := (c.used + 15) &^ 15
	if start+size > len(c.space) {
		c.t.Fatal("scratch space is used up")
	}
	c.used = start + size
	clear(c.space[start:c.used])
	return c.space[start:c.used:c.used]
}

// Scratch is how much scratch space is in use, in bytes.
func (c *Caller) Scratch() int { return c.used }

// ResetScratch gives all scratch space back that was handed out after Scratch was mark.
func (c *Caller) ResetScratch(mark int) { c.used = mark }
