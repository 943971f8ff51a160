package helper

import (
	"context"

	"golang.org/x/sys/unix"
)

// wait32, wait64 and notify stand in for the engine's memory.atomic
// instructions, which would park the goroutine and keep the thread from taking
// signals.

func wait32(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	r, e := t.AtomicWait32(uint32(stack[0]), uint32(stack[1]), int64(stack[2]))
	t.checkAtomic(uint32(stack[0]), e)
	stack[0] = uint64(r)
}

func wait64(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	r, e := t.AtomicWait64(uint32(stack[0]), stack[1], int64(stack[2]))
	t.checkAtomic(uint32(stack[0]), e)
	stack[0] = uint64(r)
}

func notify(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	r, e := t.AtomicNotify(uint32(stack[0]), uint32(stack[1]))
	t.checkAtomic(uint32(stack[0]), e)
	stack[0] = uint64(r)
}

// checkAtomic ends the process as the instruction would have.
func (t *thread) checkAtomic(p uint32, e unix.Errno) {
	switch e {
	case unix.EINVAL:
		t.crash(unix.SIGBUS, "misaligned atomic access", t.hostStack())
	case unix.EFAULT:
		t.crash(unix.SIGSEGV, segmentationFault(p), t.hostStack())
	}
}
