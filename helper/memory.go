package helper

import (
	"walisup/helper/module"
	"walisup/ipc/stagezero"
	"walisup/wali/memory"
)

// reservedForProgram reports whether the entry code has taken the address space of a
// program's memory for it.
func reservedForProgram() bool {
	return stagezero.Reserved() && stagezero.ReservedBase == memory.FixedBase && stagezero.ReservedSize == memory.FixedSpan
}

// reserve makes the linear memory at an address, which may be taken already for it, with
// the module's data and stack mapped.
func (p *program) reserve(base uintptr, taken bool) (*memory.Memory, error) {
	m := &p.module
	limit := uint64(m.MaxPages) * module.PageSize
	mem, err := memory.ReserveAt(base, limit, uint64(m.MemoryPages)*module.PageSize-limit, taken)
	if err != nil {
		return nil, err
	}
	if err := mem.MapInitial(uint64(m.LowestUse), uint64(m.DataEnd)); err != nil {
		return nil, err
	}
	if err := mem.SetBreakStart(uint64(m.DataEnd)); err != nil {
		return nil, err
	}
	if len(m.ClassTable) > 0 {
		if err := mem.MapPrivate(m.ClassAddress, m.ClassTable); err != nil {
			return nil, err
		}
	}
	return mem, nil
}

// measureStack finds out how large the main thread's stack is, of which t is about to
// use the first byte. It is known if the linker put it below all data.
func (p *program) measureStack(t *thread) {
	if m := &p.module; m.LowestUse > 0 && t.stackPointer != nil {
		p.stackSize = min(uint32(t.stackPointer.Get()), m.DataEnd) &^ (memory.PageSize - 1)
	}
	p.process.Memory.SetStack(uint64(p.stackSize))
}
