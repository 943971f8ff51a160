// Package wali implements the WebAssembly Linux Interface: the functions that a
// module imports from the namespace `wali`.
//
// One table (table.go) has a row for every Linux system call. Host functions,
// argument conversion and the table in docs/syscalls.md come from it. A call
// that the kernel can take as it is, once pointers are translated, has no code
// of its own: its row says "pass". The others are in the sys_<topic>.go files.
//
// # How an argument gets from wasm to the kernel
//
// The module's own import declaration says in which wasm type each argument
// arrives; the row's C prototype says what it means. An int is sign-extended,
// a size_t zero-extended, a long taken whole, a pointer p becomes base+p (NULL
// stays NULL), a descriptor is checked against those that the helper keeps for
// itself. The linear memory's reservation is so large that base plus any 32-bit
// pointer plus any 32-bit length lies inside it, so the kernel finds bad
// pointers by itself and says EFAULT, or stops short, exactly where it would
// for a native program.
//
// # What may be done in a host function
//
// Host functions on hot paths do not allocate (the collector is off while a
// guest runs). Temporary structs for the kernel come from the thread's scratch
// space. Go code reads guest memory only through package memory, each field
// once: other guest threads may change it meanwhile, or unmap it.
package wali
