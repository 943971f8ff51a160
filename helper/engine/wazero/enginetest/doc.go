// Package enginetest runs modules in tests on the engine that ships: with our
// patches, by its compiler.
//
// The patched engine checks no bounds. It needs what a helper has: an imported
// memory at memory.FixedBase, every memory at the beginning of a reservation that
// holds all sums of an address and an offset, and package interrupt to turn a fault
// into a host call. A [Bench] gives modules all that, any number of memories among
// it: each is a memory file, and the one that a call needs is mapped at the fixed
// base.
//
// With an engine that has no patches, as under plain go test, everything here works
// too; what needs them is skipped by [NeedPatches].
package enginetest
