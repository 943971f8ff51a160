// Package module prepares the binary of a WALI module for the engine, before it is compiled.
//
// WALI modules come out of a linker that knows nothing of processes: they own their memory, run a start
// function in every instance, and trap where a C program calls a function through a pointer of another type.
// [Prepare] rewrites the sections of such a module so that
//
//   - the memory is imported from [MemoryModule], because the helper reserves it and all threads share it;
//   - instantiating has no effect on memory: active data segments become passive and, with the start function,
//     are run by the added export [ExportInit], which only a process's first instance calls;
//   - signal handlers and thread starts can be entered through added exports ([ExportCall1] and so on);
//   - calls through function pointers of the wrong type are adapted as native ABIs forgive them;
//   - memory.atomic.wait and notify become calls to host functions, because the engine's own park the calling
//     goroutine, which no signal can interrupt;
//   - debug information is dropped unless asked for.
//
// Trust: the input is hostile. Nothing here panics or allocates more than a small multiple of the input's size,
// whatever the bytes are. The instruction decoder only finds instruction boundaries; types are the engine's
// to validate, on the rewritten binary.
//
// References: the WebAssembly core specification (binary format), the threads, tail-call, exception-handling and
// extended-const proposals; the WALI modules' shape is that of LLVM's linker.
package module
