// Package wazero is the engine wazero, with our patches, as package engine wants an
// engine to be.
//
// Most of what we need is in its public interface. Three things are not: where
// compiled code lies, the state in which a host function interrupted it, and a
// compile cache that hands out code already mapped. For those this package and package
// layout find the engine's fields by name, through reflection, and fail with a clear
// error if one is missing; go.mod pins the version.
//
// # Compile and Load
//
// A helper never compiles. Compile runs in a process of its own, with the
// garbage collector on, and gives the machine code back as an engine.Artifact, which
// package cache keeps. Load makes a program from an artifact: the engine is
// given a stub of the module, with function bodies that only trap, to decode
// and validate, and instead of the stub's code the artifact's, mapped from the
// file. So start-up costs nothing that grows with the size of the code, and all
// processes that run a module share one copy of it.
//
// # Layers of this directory
//
// Package layout knows fields and frames, package jump setjmp and longjmp. Package
// enginetest runs modules in tests, of other packages too, so layout and enginetest know
// nothing of package module.
package wazero
