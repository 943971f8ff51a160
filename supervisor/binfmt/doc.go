// Package binfmt lets the kernel start WebAssembly modules by itself: it makes,
// applies and removes a registration with binfmt_misc, and knows in the process
// that the kernel then starts what the user had typed.
//
// See Documentation/admin-guide/binfmt-misc.rst in the kernel's source.
package binfmt
