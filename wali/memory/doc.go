//go:build linux && (amd64 || arm64)

// Package memory is the linear memory of one wasm process: an address space
// of up to 4 GiB inside the helper's own, with the memory system calls of Linux
// on it.
//
// # Layout
//
//	base                          guest address 0
//	  module data and stack       MapInitial
//	  break, growing upwards      SetBreakStart, Brk
//	  ...
//	  mmap area, from the top     Mmap
//	base+limit                    end of what the guest can map
//	  pages of the engine         MapPrivate
//	base+limit+extra              end of the wasm memory
//	  never mapped
//	base+8 GiB+guard
//
// All of it is one reservation, made with PROT_NONE and MAP_NORESERVE, whose
// base never moves. A guest mapping is a real mmap with MAP_FIXED into it.
// The reservation spans 8 GiB so that base plus any 32-bit pointer plus any
// 32-bit length stays inside. Hence a bad guest pointer needs no check before it
// goes to the kernel: the kernel finds PROT_NONE there and gives EFAULT or a
// short count. Where Go code itself reads or writes guest memory, Read, Write
// and their like turn the fault into EFAULT.
//
// # No holes
//
// Nothing here ever unmaps a part of the reservation, not for an instant: the
// Go runtime or another thread maps memory where the kernel finds room, and it
// must not find it there. Giving back is mapping PROT_NONE over the range,
// which is one atomic step in the kernel. See mremap.go for how mappings move
// and grow under this rule.
//
// # The page map
//
// The kernel cannot tell a reserved page from one that the guest mapped with
// PROT_NONE, so the package keeps its own sorted list of areas. It decides
// where new mappings go, and gives the errors that depend on what is mapped
// (ENOMEM, EEXIST, EFAULT of mremap). All else, such as whether a file may be
// mapped writable, is the kernel's own answer.
//
// # fork
//
// The child's memory and page map are copies of the parent's and need no
// repair other than ForkedChild. A guest thread inside one of the mapping calls
// holds the lock of the memory; fork must find it free or take it by Lock.
//
// # Addresses
//
// Accessors take guest pointers as uint32. The mapping calls take addresses and
// lengths as uint64, zero-extended, so that their sums do not wrap.
// Errors are errno values, 0 for success, because they go back to the guest as
// numbers and must not cost an allocation.
package memory
