// Package engine is our side of wazero, the WebAssembly engine.
//
// Most of what we need is in its public interface. Three things are not: where
// compiled code lies, the state in which a host function interrupted it, and a
// compile cache that hands out code already mapped. For those this package
// finds the engine's fields by name, through reflection, and fails with a clear
// error if one is missing; go.mod pins the version.
//
// # Code, Load and Compile
//
// A helper never compiles. Compile runs in a process of its own, with the
// garbage collector on, and gives the machine code back as an Artifact, which
// package cache keeps. Load makes a Program from an Artifact: the engine is
// given a stub of the module, with function bodies that only trap, to decode
// and validate, and instead of the stub's code the artifact's, mapped from the
// file. So start-up costs nothing that grows with the size of the code, and all
// processes that run a module share one copy of it.
package engine
