package helper

import (
	"context"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"walisup/helper/engine"
	"walisup/helper/module"
)

// engineFunctions are the imports that need the engine.
var engineFunctions = map[string]engine.HostFunc{
	"setjmp":    func(ctx context.Context, stack []uint64) { setjmp(threadOf(ctx), stack, false) },
	"sigsetjmp": func(ctx context.Context, stack []uint64) { setjmp(threadOf(ctx), stack, uint32(stack[1]) != 0) },
	"longjmp":   longjmpHere,

	module.ImportThreadSpawn: spawn,
}

// Layout of the guest's jmp_buf: 208 bytes for the engine, of which we use 32,
// then whether the signal mask was saved, then the mask.
const (
	jumpMagic      = 0x706d756a696c6177 // "walijump"
	jumpFlagOffset = 208
)

// setjmp is setjmp(3) and sigsetjmp(3): buffer in stack[0].
func setjmp(t *thread, stack []uint64, saveMask bool) {
	buffer := uint32(stack[0])
	t.Gate.InHost = 1
	h := t.calls.SetJump(buffer)
	var record [32]byte
	binary.LittleEndian.PutUint64(record[0:], jumpMagic)
	binary.LittleEndian.PutUint64(record[8:], h.Index)
	binary.LittleEndian.PutUint64(record[16:], h.Serial)
	// The frames that a jump leaves do not give their shadow stack back.
	if t.stackPointer != nil {
		binary.LittleEndian.PutUint64(record[24:], t.stackPointer.Get())
	}
	var mask [16]byte
	if saveMask {
		binary.LittleEndian.PutUint64(mask[0:], 1)
		binary.LittleEndian.PutUint64(mask[8:], t.Signals.Mask())
	}
	t.mustWrite(buffer, record[:])
	t.mustWrite(buffer+jumpFlagOffset, mask[:])
	if t.Return() {
		stack[0] = 0
	}
}

// longjmpHere is longjmp as a host function. A signal that the jump's mask admits
// is handled where the jump leads.
func longjmpHere(ctx context.Context, stack []uint64) {
	t := threadOf(ctx)
	t.Gate.InHost = 1
	longjmp(t, stack)
	t.Return()
}

// longjmp is longjmp(3) and siglongjmp(3): buffer in stack[0], value in stack[1].
func longjmp(t *thread, stack []uint64) {
	buffer, value := uint32(stack[0]), uint32(stack[1])
	if value == 0 {
		value = 1
	}
	var record [32]byte
	var mask [16]byte
	t.mustRead(buffer, record[:])
	t.mustRead(buffer+jumpFlagOffset, mask[:])
	h := engine.Handle{Index: binary.LittleEndian.Uint64(record[8:]), Serial: binary.LittleEndian.Uint64(record[16:])}
	err := engine.ErrStale
	if binary.LittleEndian.Uint64(record[0:]) == jumpMagic {
		if binary.LittleEndian.Uint64(mask[0:]) != 0 {
			t.Signals.SetMask(binary.LittleEndian.Uint64(mask[8:]))
		}
		var outer bool
		if outer, err = t.calls.Jump(h, uint64(value)); err == nil {
			t.setStackPointer(uint32(binary.LittleEndian.Uint64(record[24:])))
		}
		if outer {
			t.calls.Leave(&jumpOut{h, uint64(value)})
		}
	}
	if err != nil {
		t.crash(unix.SIGSEGV, err.Error(), t.hostStack())
	}
}

// mustWrite writes to guest memory for a function that has no way to report
// failure; a native one would have faulted.
func (t *thread) mustWrite(p uint32, b []byte) {
	if t.Memory.Write(p, b) != 0 {
		t.crash(unix.SIGSEGV, "segmentation fault in a buffer given to setjmp", t.hostStack())
	}
}

func (t *thread) mustRead(p uint32, b []byte) {
	if t.Memory.Read(p, b) != 0 {
		t.crash(unix.SIGSEGV, "segmentation fault in a buffer given to longjmp", t.hostStack())
	}
}
