// Package oci is an OCI runtime for containers whose programs are WebAssembly modules. It
// speaks runc's command line and hands every container to runc, or to another runtime with
// the same command line: namespaces, control groups, mounts, capabilities, seccomp and hooks
// are that runtime's work.
//
// A bundle whose program is a module is changed before it is handed on, in a copy:
//
//   - The helper and the node's compile cache are mounted into the container, read-only.
//   - The process becomes the helper, with the module, its argv[0] and its arguments.
//
// The same happens to the processes of exec. A bundle whose program is native is handed on
// as it is, so that pods may mix both.
//
// The module is compiled before the container is created, so that a module that cannot run
// is an error of create and not of the container. Other modules in the same directories are
// compiled in the background.
package oci
